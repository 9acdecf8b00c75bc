// A program over the Go client that openapi-generator makes.
package main

import (
	"context"
	"os"
	"path/filepath"

	"generated/pushserver"
)

func check(holds bool, what string) {
	if !holds {
		panic(what)
	}
}

func must[T any](answer T, _ any, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}

// commands enqueues one, many and bytes; waits, and lists page by page.
func commands(ctx context.Context, client *pushserver.APIClient, device string) {
	api := client.CommandsAPI
	load := *pushserver.NewCommandInput("load_objects")
	load.SetBody(map[string]string{"object": "users"})
	one := must(api.Enqueue(ctx, device).CommandInput(load).Prefer("wait=20").Execute())
	check(one.State == pushserver.COMMAND_STATE_SUCCESSFUL, "one")
	batch := []pushserver.CommandInput{load, *pushserver.NewCommandInput("reboot")}
	many := must(api.EnqueueBatch(ctx, device).CommandInput(batch).Execute())
	path := filepath.Join(os.TempDir(), "photo")
	check(os.WriteFile(path, []byte{0, 255}, 0o600) == nil, "file")
	photo, err := os.Open(path)
	check(err == nil, "photo")
	raw := must(api.EnqueueBytes(ctx, device).Endpoint("user_set_image").Body(photo).Execute())
	check(raw.Body == "AP8=", "bytes")
	for _, command := range append(many.Items, *raw) {
		shown := must(api.GetCommand(ctx, command.Id).Wait(20).Execute())
		check(shown.State == pushserver.COMMAND_STATE_SUCCESSFUL, "wait")
	}
	page := must(api.ListCommandsOfDevice(ctx, device).Limit(3).Execute())
	seen := len(page.Items)
	for page.HasNextCursor() {
		page = must(api.ListCommandsOfDevice(ctx, device).Limit(3).Cursor(page.GetNextCursor()).Execute())
		seen += len(page.Items)
	}
	check(seen == 4, "pages")
	results := must(client.ResultsAPI.ListResults(ctx).Cursor("0").Execute())
	check(len(results.Items) == 4, "results")
	_, answer, err := api.GetCommand(ctx, "1").Execute()
	check(err != nil && answer.StatusCode == 404, "problem")
}

// fleet begins an operation, a task and an upgrade, and says what should be.
func fleet(ctx context.Context, client *pushserver.APIClient, device string) {
	steps := []pushserver.StepInput{*pushserver.NewStepInput("reboot")}
	targets := *pushserver.NewTargetsInput()
	targets.SetDeviceIds([]string{device})
	order := *pushserver.NewOperationInput(device)
	order.SetSteps(steps)
	operation := must(client.OperationsAPI.BeginOperation(ctx).OperationInput(order).Execute())
	operation = must(client.OperationsAPI.GetOperation(ctx, operation.Id).Execute())
	check(len(operation.Steps) == 1, "operation")
	many := *pushserver.NewTaskInput(steps, targets)
	many.SetStopAfterFailures("5%")
	task := must(client.TasksAPI.MakeTask(ctx).TaskInput(many).Execute())
	check(must(client.TasksAPI.GetTask(ctx, task.Id).Execute()).Devices == 1, "task")
	verify := *pushserver.NewVerifyInput(*pushserver.NewStepInput("system_information"), "/version")
	phases := *pushserver.NewPhasesInput(steps, steps, verify)
	wish := *pushserver.NewUpgradeInput(targets, "5.15.2", phases)
	upgrade := must(client.UpgradesAPI.MakeUpgrade(ctx).UpgradeInput(wish).Execute())
	parts := must(client.UpgradesAPI.ListDevicesOfUpgrade(ctx, upgrade.Id).Execute())
	check(parts.Items[0].DeviceId == device, "upgrade")
	var general interface{} = map[string]string{"language": "en_US"}
	desired := map[string]*interface{}{"general": &general}
	shadow := must(client.ShadowsAPI.PatchShadow(ctx, device).RequestBody(desired).Execute())
	_, found := shadow.Services["general"]
	check(found, "shadow")
}

// subscriptions subscribes, changes the subscription, and unsubscribes.
func subscriptions(ctx context.Context, client *pushserver.APIClient) {
	api := client.SubscriptionsAPI
	events := []pushserver.EventSelector{pushserver.EVENT_SELECTOR_COMMAND_STATUS}
	order := *pushserver.NewSubscriptionInput("https://receiver.example/events", events)
	made := must(api.MakeSubscription(ctx).SubscriptionInput(order).Execute())
	check(made.GetSecret() != "", "secret")
	patch := *pushserver.NewSubscriptionPatch()
	patch.SetTags(map[string][]string{"site": {"north"}})
	changed := must(api.ChangeSubscription(ctx, made.Id).SubscriptionPatch(patch).Execute())
	check(changed.GetTags()["site"][0] == "north", "tags")
	_, err := api.DeleteSubscription(ctx, made.Id).Execute()
	check(err == nil, "delete")
}

func main() {
	url, token, device := os.Args[1], os.Args[2], os.Args[3]
	configuration := pushserver.NewConfiguration()
	configuration.Servers = pushserver.ServerConfigurations{{URL: url}}
	ctx := context.WithValue(context.Background(), pushserver.ContextAccessToken, token)
	client := pushserver.NewAPIClient(configuration)
	commands(ctx, client, device)
	fleet(ctx, client, device)
	subscriptions(ctx, client)
}
