import type { WireFaults } from '../faults/wire-faults.ts';
import type { Camera, Recorder } from '../plant/cctv.ts';
import type { Publisher } from './trade.ts';

const INTERVAL_MS = 60_000;

/** Topic of the recorder, which is also that of its last will. */
export function recorderTopic(recorder: Recorder): string {
  return `cctv/${recorder.key}/state`;
}

export function recorderPublisher(recorder: Recorder, faults: WireFaults): Publisher {
  return {
    asset: recorder.key,
    topic: recorderTopic(recorder),
    intervalMs: INTERVAL_MS,
    speaks: () => true,
    state: () => ({
      online: faults.firstValue(recorder.key, true),
      recording: recorder.recording,
      storageFree: Number(recorder.storageFreePercent.toFixed(1)),
      exceptions: recorder.exceptions,
    }),
    notable: () => `${recorder.recording}${recorder.exceptions}`,
  };
}

/** A camera, for which its recorder speaks. */
export function cameraPublisher(camera: Camera, faults: WireFaults): Publisher {
  const online = () => faults.firstValue(camera.key, camera.online);
  return {
    asset: camera.key,
    topic: `cctv/${camera.key}/state`,
    intervalMs: INTERVAL_MS,
    speaks: () => true,
    state: () => ({
      online: online(),
      videoLoss: camera.videoLoss,
      recording: camera.recording,
      clockOffset: Number(camera.clockOffsetS.toFixed(3)),
    }),
    notable: () => `${online()}${camera.videoLoss}${camera.recording}`,
  };
}
