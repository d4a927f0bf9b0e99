import { measure } from '../support/measurement.ts';

process.exitCode = await measure('soak', import.meta.dirname, process.argv.slice(2));
