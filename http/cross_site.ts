// Pure.
// Owns telling a write that a page of another site had a browser send. Without a token the edge believes whoever reaches
// it, and so does every page open in a browser on that machine, be it from anywhere:
// - a page may POST across sites what needs no preflight, such as bytes without a content type. Browsers say so in
//   Sec-Fetch-Site, or at least tell the page's Origin;
// - a page may have its own name point to an address of ours (DNS rebinding); then both say that it is ours, and only the
//   name is wrong. Such a name is never an address, nor localhost, nor one the operator has given (ONHAND_HTTP_HOSTS).
// Programs send neither header: whoever reaches an edge that listens for other machines may write by any name, as one
// container calls another. With a token nothing of this is asked: no page has it that was not given it.

import type { Context } from "hono";
import type { Edge } from "./ports.ts";
import { ProblemError } from "./problems.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){1,3}|::1|\[::1\])(:\d+)?$/i;
/** An address as a browser writes it in Host: a name that no DNS can give to somebody else. */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])(:\d+)?$/i;

/** Whether `host`, an address to listen on or a Host header, is a name of this machine that no DNS can give another. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** A check of writes to `edge`, or none when it has a token. It throws ProblemError cross_site. */
export function crossSiteCheck(
  edge: Pick<Edge, "token" | "isLocal" | "hosts">,
): ((c: Context) => void) | undefined {
  const { token, isLocal } = edge;
  if (token !== undefined) return undefined;
  const isGiven = givenHosts(edge.hosts);
  const expected = ["localhost", "127.0.0.1", "[::1]", ...(isLocal ? [] : ["an address"])];
  return (c) => {
    if (!isOwn(c)) {
      throw new ProblemError("cross_site", "Cannot write: a page of another site asks for it");
    }
    if (!isLocal && !isOfBrowser(c)) return;
    // Requests of NATS services have no host.
    const host = c.req.header("host");
    if (host === undefined || isLoopback(host) || isGiven(host)) return;
    if (!isLocal && ADDRESS.test(host)) return;
    const names = [...expected, "a name of ONHAND_HTTP_HOSTS"].join(", ");
    const detail = `Cannot write without a token: found host ${host.slice(0, 100)}, expected one of ${names}`;
    throw new ProblemError("cross_site", detail);
  };
}

/** Whether a Host is one of `hosts`, by any port. */
function givenHosts(hosts: readonly string[]): (host: string) => boolean {
  const names = new Set(hosts.map((host) => host.toLowerCase()));
  return (host) => names.size > 0 && names.has(host.replace(/:\d+$/, "").toLowerCase());
}

/** Of every request but GET and HEAD browsers tell the Origin, also where it is the page's own. */
const isOfBrowser = (c: Context): boolean =>
  c.req.header("origin") !== undefined || c.req.header("sec-fetch-site") !== undefined;

/** Whether a program sent it, or a page of this edge. What a browser says of the site holds even where a proxy changed Host. */
function isOwn(c: Context): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin" || site === "none";
  const origin = c.req.header("origin");
  return origin === undefined || origin.replace(/^https?:\/\//, "") === c.req.header("host");
}
