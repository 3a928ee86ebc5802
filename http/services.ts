// The same verbs as NATS services (`nats micro ls`, `nats req onhand.stock.get '{"sku":"…"}'`): each
// endpoint turns its JSON into the request of a route, so that checks, answers and problems are those
// of HTTP. Who may call is for NATS permissions to say.

import { type ServiceMsg, Svcm } from "@nats-io/services";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Hono } from "hono";
import { describeError } from "../shared/errors.ts";
import { stopService } from "../streams/service_stop.ts";
import type { EdgeLog } from "./ports.ts";
import { problemBody } from "./problems.ts";
import { ENDPOINTS, type EndpointSpec, type Fields } from "./service_endpoints.ts";
import type { Fault } from "./validate.ts";

const VERSION = "1.0.0";

/** Adds the service `onhand` to `nc`. `stop` ends it and leaves the connection. */
export async function startServices(
  nc: NatsConnection,
  options: { app: Hono; token: string | undefined; log: EdgeLog },
): Promise<{ stop(): Promise<void> }> {
  const service = await new Svcm(nc).add({
    name: "onhand",
    version: VERSION,
    description: "Stock: levels, commands, holds, forecasts, policies, master data",
  });
  const root = service.addGroup("onhand");
  for (const endpoint of ENDPOINTS) {
    const group = root.addGroup(endpoint.group);
    group.addEndpoint(`${endpoint.group}-${endpoint.name}`, {
      subject: endpoint.name,
      metadata: { takes: endpoint.takes },
      handler: (error, message) => {
        if (error === null) void serve(nc, endpoint, message, options);
      },
    });
  }
  return {
    async stop() {
      await stopService(service);
    },
  };
}

async function serve(
  nc: NatsConnection,
  endpoint: EndpointSpec,
  message: ServiceMsg,
  options: { app: Hono; token: string | undefined; log: EdgeLog },
): Promise<void> {
  try {
    const fields = fieldsOf(message);
    if (fields === undefined) {
      respondProblem(message, problemBody("malformed_json", `Expected JSON: ${endpoint.takes}`));
      return;
    }
    const key = message.headers?.get("Idempotency-Key") ?? "";
    const wrong = faultOf(endpoint, fields, key);
    if (wrong !== undefined) {
      const extra = { field: wrong.field, faults: [wrong] };
      const detail = `${wrong.field}: ${wrong.fault}`;
      respondProblem(message, problemBody("invalid_field", detail, extra));
      return;
    }
    const { method, path, body } = endpoint.call(fields);
    const response = await requestAsWritten(options.app, path, {
      method,
      headers: {
        "content-type": "application/json",
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(key === "" ? {} : { "idempotency-key": asHeader(key) }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const tooLarge = sizeFault(nc, text);
    if (tooLarge !== undefined) respondProblem(message, tooLarge);
    else if (response.ok) message.respond(text);
    else message.respondError(response.status, titleOf(text), text);
  } catch (error) {
    options.log.error({ subject: message.subject }, `service failed: ${describeError(error)}`);
    message.respondError(500, "Something broke on our side");
  }
}

function respondProblem(message: ServiceMsg, problem: Record<string, unknown>): void {
  message.respondError(Number(problem.status), String(problem.title), JSON.stringify(problem));
}

/** A server takes messages up to a size, their headers among it; what was asked for is done all the same. */
function sizeFault({ info }: NatsConnection, text: string): Record<string, unknown> | undefined {
  const most = (info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADER_BYTES_MAX;
  const found = Buffer.byteLength(text);
  if (found <= most) return undefined;
  const detail = `Cannot answer in one message: found ${found} bytes, expected at most ${most}`;
  return problemBody("answer_too_large", detail, { limitBytes: most });
}

/** What the headers of an answer may take. */
const HEADER_BYTES_MAX = 1_024;

/** A URL takes `.` and `..` for steps of its path; here they are names, so the path is handed on as it is written. */
function requestAsWritten(
  app: Hono,
  path: string,
  init: RequestInit,
): Response | Promise<Response> {
  const url = `http://localhost${path}`;
  const request = new Request(url, init);
  if (request.url !== url) Object.defineProperty(request, "url", { value: url });
  return app.fetch(request);
}

/** The fields of the message; a batch of commands is an array and passes as it is. */
function fieldsOf(message: ServiceMsg): Fields | undefined {
  try {
    const value: unknown = message.data.byteLength === 0 ? {} : message.json();
    if (typeof value !== "object" || value === null) return undefined;
    return isDeeper(value, DEPTH_MAX) ? undefined : (value as Fields);
  } catch {
    return undefined;
  }
}

/** Nothing we take is nested so deeply; what is cannot be handed on. */
const DEPTH_MAX = 30;

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth === 0 || Object.values(value).some((one) => isDeeper(one, depth - 1));
}

/** What the request of a route could not carry. */
function faultOf(endpoint: EndpointSpec, fields: Fields, key: string): Fault | undefined {
  const { needs } = endpoint;
  if (needs !== undefined && (fields[needs] === undefined || fields[needs] === ""))
    return { field: needs, fault: "is missing" };
  if (/[\0\r\n]/.test(key) || !key.isWellFormed())
    return { field: "Idempotency-Key", fault: "expected one line of text" };
  return undefined;
}

/** A header holds bytes: those of UTF-8, as clients of HTTP send it, so that a key is the same identity by both ways. */
const asHeader = (text: string): string => Buffer.from(text).toString("latin1");

function titleOf(text: string): string {
  try {
    return String((JSON.parse(text) as Fields).title ?? "failed").replaceAll(/[\r\n]/g, " ");
  } catch {
    return "failed";
  }
}
