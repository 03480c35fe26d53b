// Asks the server. Not here: what is asked, and when.

/** A refusal, with the status of HTTP (0: nobody answered) and a line for who reads it. */
class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** Ask for an address with its parameters. */
export async function ask(path, parameters, signal) {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`, {
    signal,
    credentials: "same-origin",
  }).catch((error) => {
    throw error.name === "AbortError"
      ? error
      : new Refused(0, "The server does not answer. Is `fleetecon live` still running?");
  });
  if (!response.ok) {
    const told = await response.json().catch(() => null);
    throw new Refused(response.status, told?.error?.text ?? `The server answered ${response.status}.`);
  }
  return response;
}
