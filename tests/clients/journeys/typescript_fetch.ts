// A program over the client that openapi-generator makes as typescript-fetch.
import {
  CommandState,
  CommandsApi,
  Configuration,
  EventName,
  OperationsApi,
  ResponseError,
  ResultsApi,
  ShadowsApi,
  SubscriptionsApi,
  TasksApi,
  UpgradesApi,
} from "./client/index.js";

declare const process: { argv: string[] };
const [, , url, token, deviceId] = process.argv as [string, string, string, string, string];
const configuration = new Configuration({ basePath: url, accessToken: token });

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

// Enqueues one, many and bytes; waits, and lists page by page.
async function commands(): Promise<void> {
  const api = new CommandsApi(configuration);
  const load = { endpoint: "load_objects", body: { object: "users" } };
  const one = await api.enqueue({ deviceId, commandInput: load, prefer: "wait=20" });
  check(one.state === CommandState.COMMAND_STATE_SUCCESSFUL, "one");
  const batch = [load, { endpoint: "reboot" }];
  const many = await api.enqueueBatch({ deviceId, commandInput: batch });
  const body = new Blob([new Uint8Array([0, 255])]);
  const raw = await api.enqueueBytes({ deviceId, endpoint: "user_set_image", body });
  check(raw.body === "AP8=", "bytes");
  for (const { id } of [...many.items, raw]) {
    const shown = await api.getCommand({ commandId: id, wait: 20 });
    check(shown.state === CommandState.COMMAND_STATE_SUCCESSFUL, "wait");
  }
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await api.listCommandsOfDevice({ deviceId, limit: 3, cursor });
    page.items.forEach((each) => seen.add(each.id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  check(seen.size === 4, "pages");
  const results = await new ResultsApi(configuration).listResults({ cursor: "0" });
  check(results.items.every((each) => seen.has(each.commandId ?? "")), "results");
  const refusal: unknown = await api.getCommand({ commandId: "1" }).catch((error) => error);
  check(refusal instanceof ResponseError && refusal.response.status === 404, "problem");
}

// Begins an operation, a task and an upgrade, and says what should be.
async function fleet(): Promise<void> {
  const steps = [{ endpoint: "reboot" }];
  const targets = { deviceIds: [deviceId] };
  const operations = new OperationsApi(configuration);
  const operation = await operations.beginOperation({ operationInput: { deviceId, steps } });
  const shown = await operations.getOperation({ operationId: operation.id });
  check(shown.steps?.length === 1, "operation");
  const tasks = new TasksApi(configuration);
  const task = await tasks.makeTask({ taskInput: { targets, steps, stopAfterFailures: "5%" } });
  check((await tasks.getTask({ taskId: task.id })).devices === 1, "task");
  const verify = { command: { endpoint: "system_information" }, versionPointer: "/version" };
  const phases = { download: steps, apply: steps, verify };
  const upgrades = new UpgradesApi(configuration);
  const upgrade = await upgrades.makeUpgrade({
    upgradeInput: { targets, targetVersion: "5.15.2", phases },
  });
  const parts = await upgrades.listDevicesOfUpgrade({ upgradeId: upgrade.id });
  check(parts.items[0]?.deviceId === deviceId, "upgrade");
  const requestBody = { general: { language: "en_US" } };
  const shadow = await new ShadowsApi(configuration).patchShadow({ deviceId, requestBody });
  check(shadow.services["general"]?.desired["language"] === "en_US", "shadow");
}

// Subscribes, takes a filter away, and unsubscribes.
async function subscriptions(): Promise<void> {
  const api = new SubscriptionsApi(configuration);
  const made = await api.makeSubscription({
    subscriptionInput: {
      url: "https://receiver.example/events",
      events: [EventName.EVENT_NAME_COMMAND_STATUS],
      tags: { site: ["north"] },
    },
  });
  check(made.secret !== undefined, "secret");
  const subscriptionId = made.id;
  const subscriptionPatch = { tags: null };
  const changed = await api.changeSubscription({ subscriptionId, subscriptionPatch });
  check(changed.tags === undefined, "tags");
  await api.deleteSubscription({ subscriptionId });
}

await commands();
await fleet();
await subscriptions();
