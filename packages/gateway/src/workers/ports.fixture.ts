/** Two ends of a channel as processes have it: messages are copies, arrive in order and never at once. */

import type { Port } from "./link.ts";

export interface PairedPorts {
  readonly first: Port;
  readonly second: Port;
  /** Both ends learn of it; what is on its way is lost. */
  close(): void;
}

export function connectedPorts(): PairedPorts {
  let isClosed = false;
  const ends = [0, 1].map(() => ({
    onMessage: new Set<(message: unknown) => void>(),
    onClose: new Set<() => void>(),
  }));
  const port = (own: number): Port => ({
    send: (message) => {
      const copy: unknown = structuredClone(message);
      setImmediate(() => {
        if (!isClosed) for (const listener of ends[1 - own]?.onMessage ?? []) listener(copy);
      });
    },
    onMessage: (listener) => void ends[own]?.onMessage.add(listener),
    onClose: (listener) => void ends[own]?.onClose.add(listener),
  });
  return {
    first: port(0),
    second: port(1),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      for (const { onClose } of ends) for (const listener of onClose) listener();
    },
  };
}
