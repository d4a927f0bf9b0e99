/** Calls `onGone` once, when the process that started this one is gone: its pipe to stdin or its IPC channel closes. */
export function watchParent(onGone: () => void): void {
  let isGone = false;
  const gone = () => {
    if (isGone) return;
    isGone = true;
    onGone();
  };
  process.once('disconnect', gone);
  process.stdin.once('end', gone);
  process.stdin.once('close', gone);
  process.stdin.once('error', gone);
  process.stdin.resume();
}
