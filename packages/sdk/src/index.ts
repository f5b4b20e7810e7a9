export { CrossfadeError, type ErrorCode } from './core/errors.ts';
