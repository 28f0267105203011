// Envoy's file, stdout and stderr access loggers as sinks of finished streams: filter, format, write.

import type { FileAccessLog } from '#proto/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import type { Clock } from '#base';
import type { StdoutAccessLog } from '#proto/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import type { AccessLog } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { StreamRecord } from '#telemetry';
import { decodeMessage } from '../apply/decode.ts';
import type { StreamSinkExtension } from '../apply/extensions.ts';
import { ConfigError } from '../errors.ts';
import {
  compileSubstitutionFormat,
  DEFAULT_ACCESS_LOG_FORMAT,
  type FormatContext,
  logFormat,
  type SubstitutionFormat,
} from '../format/index.ts';
import type { StreamSink } from '../http/manager-config.ts';
import type { ProxyServices } from '../services.ts';
import type { LogFiles } from './log-files.ts';
import { compileLogFilter } from './log-filter.ts';

const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const STDOUT = 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';
const STDERR = 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog';

type Format = Pick<SubstitutionFormat, 'format' | 'put'>;

export function accessLogSinks(files: LogFiles): readonly StreamSinkExtension[] {
  const stream = (name: string, typeUrl: string, path: string): StreamSinkExtension => ({
    name,
    typeUrl,
    build: (config, services, log) => {
      const { accessLogFormat: format } = decodeMessage<StdoutAccessLog>(typeUrl, config, name);
      return sink(
        files,
        path,
        format.case === undefined ? defaultFormat() : compileSubstitutionFormat(format.value, `${name}.log_format`),
        services,
        log,
      );
    },
  });
  return [
    {
      name: 'envoy.access_loggers.file',
      typeUrl: FILE,
      build: (config, services, log) => {
        const message = decodeMessage<FileAccessLog>(FILE, config, 'access_log');
        if (message.path === '') throw new ConfigError('proxy.field-required', 'access_log.path');
        return sink(files, message.path, fileFormat(message), services, log);
      },
    },
    stream('envoy.access_loggers.stdout', STDOUT, '/dev/stdout'),
    stream('envoy.access_loggers.stderr', STDERR, '/dev/stderr'),
  ];
}

function sink(files: LogFiles, path: string, format: Format, services: ProxyServices, log: AccessLog): StreamSink {
  const accepts =
    log.filter === undefined
      ? undefined
      : compileLogFilter(log.filter, 'access_log.filter', services.random, services.self);
  const writer = files.acquire(path);
  const { clock } = services;
  const { put, format: text } = format;
  const line = new LogLine(clock);
  return {
    onStreamEnd: (record) => {
      if (accepts !== undefined && !accepts(record)) return;
      line.record = record;
      writer.writeBy(put, text, line);
      line.record = NO_RECORD;
    },
    dispose: () => files.release(path),
  };
}

const NO_RECORD = new StreamRecord();

/** One for all lines of a log: each is written before the next stream ends. Few formats ask for the time of writing. */
class LogLine implements FormatContext {
  record = NO_RECORD;
  readonly connection = undefined;
  readonly requestHead = undefined;
  readonly responseHeaders = undefined;
  readonly localReplyBody = '';
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nowWallMs(): number {
    return this.#clock.wallTime();
  }
  get accessLogType(): string {
    return this.record.protocol === 'TCP' ? 'TcpConnectionEnd' : 'DownstreamEnd';
  }
}

function fileFormat(message: FileAccessLog): Format {
  const format = message.accessLogFormat;
  switch (format.case) {
    case undefined:
      return defaultFormat();
    case 'logFormat':
      return compileSubstitutionFormat(format.value, 'access_log.log_format');
    case 'format':
      return textFormat(format.value);
    default:
      throw new ConfigError(
        'proxy.unsupported',
        'access_log.json_format',
        'it is deprecated: give log_format.json_format',
      );
  }
}

function defaultFormat(): Format {
  return textFormat(DEFAULT_ACCESS_LOG_FORMAT);
}

function textFormat(text: string): Format {
  return logFormat(text, 'access_log.format', '-');
}
