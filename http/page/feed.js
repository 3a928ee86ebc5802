// Keeps a feed of server-sent events open. An EventSource comes back by itself when its connection is lost, and gives
// up for good at an answer that is no feed (503, a proxy's 502): then another is opened, after pauses that grow.

export const PAUSE_MIN_MS = 1_000;
export const PAUSE_MAX_MS = 60_000;

/**
 * `take` is called by an event's name with its data; `hello` starts a feed. `lost` is told at each loss, with the
 * pause in ms where it is ours. The next feed begins where the last one ended: at the id its events told.
 */
export function keepFeed(url, take, lost) {
  let source;
  let timer;
  let lastId = "";
  let pauseMs = PAUSE_MIN_MS;
  const open = () => {
    const resume = lastId === "" ? "" : `&lastEventId=${encodeURIComponent(lastId)}`;
    source = new EventSource(url + resume);
    for (const [name, handle] of Object.entries(take)) {
      source.addEventListener(name, (event) => {
        lastId = event.lastEventId || lastId;
        pauseMs = PAUSE_MIN_MS;
        handle(JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return lost();
      lost(pauseMs);
      // Not all pages at once at an edge that has just come back.
      timer = setTimeout(open, pauseMs * (0.75 + Math.random() / 2));
      pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2);
    };
  };
  open();
  return {
    close() {
      clearTimeout(timer);
      source.close();
    },
  };
}
