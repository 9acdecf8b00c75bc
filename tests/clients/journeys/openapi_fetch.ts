// A program over openapi-fetch, with the types that openapi-typescript makes.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

declare const process: { argv: string[] };
const [, , url, token, device] = process.argv as [string, string, string, string, string];
const api = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${token}` },
});

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

function told<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

// Enqueues one, many and bytes; waits, and lists page by page.
async function commands(): Promise<void> {
  const path = { deviceId: device };
  const load = { endpoint: "load_objects", body: { object: "users" } };
  const one = told(
    await api.POST("/api/v1/devices/{deviceId}/commands", {
      params: { path, header: { Prefer: "wait=20" } },
      body: load,
    }),
  );
  check(one.state === "SUCCESSFUL", "one");
  const many = told(
    await api.POST("/api/v1/devices/{deviceId}/commands/batch", {
      params: { path },
      body: [load, { endpoint: "reboot" }],
    }),
  );
  const raw = told(
    await api.POST("/api/v1/devices/{deviceId}/commands/bytes", {
      params: { path, query: { endpoint: "user_set_image" } },
      body: "photo",
      bodySerializer: () => new Uint8Array([0, 255]),
      headers: { "Content-Type": "application/octet-stream" },
    }),
  );
  check(raw.body === "AP8=", "bytes");
  for (const { id } of [...many.items, raw]) {
    const params = { path: { commandId: id }, query: { wait: 20 } };
    const shown = told(await api.GET("/api/v1/commands/{commandId}", { params }));
    check(shown.state === "SUCCESSFUL", "wait");
  }
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? { limit: 3 } : { limit: 3, cursor };
    const page = told(
      await api.GET("/api/v1/devices/{deviceId}/commands", { params: { path, query } }),
    );
    page.items.forEach((each) => seen.add(each.id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  check(seen.size === 4, "pages");
  const results = told(
    await api.GET("/api/v1/results", { params: { query: { cursor: "0" } } }),
  );
  check(results.items.every((each) => seen.has(each.commandId ?? "")), "results");
  const unknown = await api.GET("/api/v1/commands/{commandId}", {
    params: { path: { commandId: "1" } },
  });
  check(unknown.error?.status === 404, "problem");
}

// Begins an operation, a task and an upgrade, and says what should be.
async function fleet(): Promise<void> {
  const steps = [{ endpoint: "reboot" }];
  const targets = { deviceIds: [device] };
  const operation = told(
    await api.POST("/api/v1/operations", { body: { deviceId: device, steps } }),
  );
  const params = { path: { operationId: operation.id } };
  const shown = told(await api.GET("/api/v1/operations/{operationId}", { params }));
  check(shown.steps?.length === 1, "operation");
  const task = told(
    await api.POST("/api/v1/tasks", { body: { targets, steps, stopAfterFailures: "5%" } }),
  );
  check("id" in task && task.devices === 1, "task");
  const verify = { command: { endpoint: "system_information" }, versionPointer: "/version" };
  const upgrade = told(
    await api.POST("/api/v1/upgrades", {
      body: { targets, targetVersion: "5.15.2", phases: { download: steps, apply: steps, verify } },
    }),
  );
  check("id" in upgrade, "upgrade");
  const parts = told(
    await api.GET("/api/v1/upgrades/{upgradeId}/devices", {
      params: { path: { upgradeId: upgrade.id } },
    }),
  );
  check(parts.items[0]?.deviceId === device, "parts");
  const shadow = told(
    await api.PATCH("/api/v1/devices/{deviceId}/shadow", {
      params: { path: { deviceId: device } },
      body: { general: { language: "en_US" } },
    }),
  );
  check(shadow.services["general"]?.desired["language"] === "en_US", "shadow");
}

// Subscribes, takes a filter away, and unsubscribes.
async function subscriptions(): Promise<void> {
  const made = told(
    await api.POST("/api/v1/subscriptions", {
      body: {
        url: "https://receiver.example/events",
        events: ["command.status"],
        tags: { site: ["north"] },
      },
    }),
  );
  check(made.secret !== undefined, "secret");
  const params = { path: { subscriptionId: made.id } };
  const changed = told(
    await api.PATCH("/api/v1/subscriptions/{subscriptionId}", { params, body: { tags: null } }),
  );
  check(changed.tags === undefined, "tags");
  const deleted = await api.DELETE("/api/v1/subscriptions/{subscriptionId}", { params });
  check(deleted.response.status === 204, "delete");
}

await commands();
await fleet();
await subscriptions();
