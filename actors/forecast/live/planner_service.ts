// Owns answering the edge over NATS. `onhand.forecast.what-if` is a NATS service (`nats micro ls`,
// `nats req onhand.forecast.what-if '{"sku":"…","location":"…","leadTimeDays":14}'`) of every forecast process; it
// passes a question on to the process that runs the SKU's partition. Answers and problems are JSON.
import { Svcm } from "@nats-io/services";
import type { Msg } from "@nats-io/transport-node";
import { describeError, OnhandError } from "../../../shared/errors.ts";
import { ownerSubject, WHAT_IF_SUBJECT, WhatIfSchema } from "../../../shared/planning.ts";
import type { NatsConnection } from "../../../streams/connection.ts";
import { partition } from "../../../streams/partition.ts";
import { stopService } from "../../../streams/service_stop.ts";
import { toToken } from "../../../streams/subjects.ts";
import type { Topology } from "../../../streams/topology.ts";
import type { ForecastPartition } from "./partition.ts";

/** Longest a question may take at its partition: a fit has its own limit below it. */
const ANSWER_MS_MAX = 8_000;

/** `{ error: { code, message } }` or `{ answer }`: what a partition's owner answers. */
type Reply = { answer: unknown } | { error: { code: string; message: string } };

/** Adds the service to `nc`. */
export async function startPlannerService(
  nc: NatsConnection,
  { epoch, shards }: Topology,
): Promise<{ stop(): Promise<void> }> {
  const service = await new Svcm(nc).add({
    name: "onhand-forecast",
    version: "1.0.0",
    description: "Forecasts and policies: what if",
  });
  service.addEndpoint("what-if", {
    subject: WHAT_IF_SUBJECT,
    metadata: { takes: '{"sku", "location", "leadTimeDays"?, "fillRate"?, "demandFactor"?, …}' },
    handler: (error, message) => {
      if (error !== null) return;
      const sku = skuIn(message);
      const subject = ownerSubject("what-if", epoch, partition(toToken(sku), shards));
      nc.request(subject, message.data, { timeout: ANSWER_MS_MAX }).then(
        (reply) => message.respond(reply.data),
        () =>
          message.respond(
            JSON.stringify(problem("forecast_unavailable", "no process runs the SKU's partition")),
          ),
      );
    },
  });
  return {
    async stop() {
      await stopService(service);
    },
  };
}

/** Answers for the SKUs of one partition until stopped. */
export function answerAsOwner(
  nc: NatsConnection,
  epoch: number,
  owner: ForecastPartition,
  lookAtSettings: () => Promise<void>,
): { stop(): void } {
  const { shard } = owner;
  const subscriptions = [
    serve(nc, ownerSubject("what-if", epoch, shard), async (value) => {
      const question = WhatIfSchema.safeParse(value);
      if (question.success) return owner.whatIf(question.data);
      const [issue] = question.error.issues;
      throw new OnhandError("invalid_field", `${issue?.path.join(".")}: ${issue?.message}`);
    }),
    serve(nc, ownerSubject("decide", epoch, shard), async (value) => {
      const { sku, location } = value as { sku?: unknown; location?: unknown };
      await lookAtSettings();
      return owner.decideNow(String(sku), typeof location === "string" ? location : undefined);
    }),
  ];
  return {
    stop() {
      for (const one of subscriptions) one.unsubscribe();
    },
  };
}

function serve(nc: NatsConnection, subject: string, work: (value: unknown) => Promise<unknown>) {
  return nc.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return;
      reply(message, work).then(
        (answer) => message.respond(JSON.stringify(answer)),
        () => {},
      );
    },
  });
}

async function reply(message: Msg, work: (value: unknown) => Promise<unknown>): Promise<Reply> {
  try {
    return { answer: await work(message.json()) };
  } catch (error) {
    const code = error instanceof OnhandError ? error.code : "internal";
    return problem(code, describeError(error));
  }
}

const problem = (code: string, message: string): Reply => ({ error: { code, message } });

/** The SKU of a question, or an empty one: its partition then tells what is wrong. */
function skuIn(message: Msg): string {
  try {
    const { sku } = message.json<{ sku?: unknown }>();
    return typeof sku === "string" && sku.isWellFormed() ? sku : "";
  } catch {
    return "";
  }
}
