import { Worker } from 'node:worker_threads';
import type { ReadSheets } from './sheets.ts';

/** MB that the thread may take: a list at its bounds needs a fifth of it, a few kilobytes may unpack to gigabytes. */
const MAX_MEMORY_MB = 512;
/** Real ms that reading a list may take. */
const MAX_READ_MS = 30_000;

/** Reads a list as `readSheets` does, in a thread with a bound on its memory and time. */
export async function openList(path: string, memoryMb = MAX_MEMORY_MB): Promise<ReadSheets> {
  const thread = new Worker(new URL('./open-list-thread.ts', import.meta.url), {
    workerData: path,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ReadSheets>((resolve, reject) => {
      timer = setTimeout(() => resolve(tooMuch(path)), MAX_READ_MS);
      thread.once('message', resolve);
      thread.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') resolve(tooMuch(path));
        else reject(error);
      });
    });
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

function tooMuch(path: string): ReadSheets {
  return {
    ok: false,
    text: {
      zh: `${path} 展开后过大，未读取；请另存为只含点表的工作簿`,
      en: `${path} unpacks to too much and was not read; save the list of points alone as a workbook of its own`,
    },
  };
}
