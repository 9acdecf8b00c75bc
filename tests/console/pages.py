"""Every page of the console that a browser looks at."""

#: Their paths, by the names of their pictures; `{…}` are ids.
PAGES = {
    "overview": "/console",
    "devices": "/console/devices",
    "quarantine": "/console/devices?q=state:quarantined",
    "device": "/console/devices/{device_id}",
    "stranger": "/console/devices/{stranger_id}",
    "send": "/console/send?form=open_door&device={device_id}",
    "device-edit": "/console/devices/{device_id}/edit",
    "commands": "/console/commands",
    "command": "/console/commands/{command_id}",
    "results": "/console/results",
    "result": "/console/results/{posted_id}",
    "operations": "/console/operations",
    "operation": "/console/operations/{operation_id}",
    "tasks": "/console/tasks",
    "task": "/console/tasks/{task_id}",
    "upgrades": "/console/upgrades",
    "upgrade": "/console/upgrades/{upgrade_id}",
    "subscriptions": "/console/subscriptions",
    "subscription": "/console/subscriptions/{subscription_id}",
    "new-subscription": "/console/subscriptions/new",
    "tokens": "/console/tokens",
    "scopes": "/console/scopes",
    "audit": "/console/audit",
    "system": "/console/system",
}
