import { measure } from '../support/measurement.ts';

process.exitCode = await measure('bench', import.meta.dirname, process.argv.slice(2));
