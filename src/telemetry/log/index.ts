export { type LogSink, LogWriter, type LogWriterOptions } from './log-writer.ts';
