/** The thread that reads a list of points, which may be anybody's file. */

import { parentPort, workerData } from 'node:worker_threads';
import { readSheets } from './sheets.ts';

parentPort?.postMessage(readSheets(workerData as string));
