import java.io.File;
import java.net.http.HttpRequest;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;

/**
 * A program over the Java client that openapi-generator makes, with its library `native`.
 *
 * That one writes the name of a file as JSON in place of its bytes; the interceptor sends these.
 */
public class Journey {
    private static final byte[] PHOTO = {0, (byte) 255};

    private final ApiClient client;
    private final String device;

    private Journey(ApiClient client, String device) {
        this.client = client;
        this.device = device;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    /** Enqueue one, many and bytes; wait, and list page by page. */
    private void commands() throws Exception {
        CommandsApi api = new CommandsApi(client);
        CommandInput load =
                new CommandInput().endpoint("load_objects").body(Map.of("object", "users"));
        Command one = api.enqueue(device, load, null, "wait=20");
        check(one.getState() == CommandState.COMMAND_STATE_SUCCESSFUL, "one");
        List<CommandInput> batch = List.of(load, new CommandInput().endpoint("reboot"));
        Set<String> ids = new HashSet<>(Set.of(one.getId()));
        for (Command each : api.enqueueBatch(device, batch, null, null).getItems()) {
            ids.add(each.getId());
        }
        File photo = new File("photo.jpg");
        Command raw = api.enqueueBytes(device, "user_set_image", photo, null, null,
                null, null, null, null, null, null, null, null, null, null);
        check(raw.getBody().equals("AP8="), "bytes");
        ids.add(raw.getId());
        for (String id : ids) {
            CommandState state = api.getCommand(id, 20.0).getState();
            check(state == CommandState.COMMAND_STATE_SUCCESSFUL, "wait");
        }
        Set<String> seen = new HashSet<>();
        String cursor = null;
        do {
            Commands page = api.listCommandsOfDevice(device, null, null, null, null, null,
                    null, null, null, null, 3, cursor);
            page.getItems().forEach(each -> seen.add(each.getId()));
            cursor = page.getNextCursor();
        } while (cursor != null);
        check(seen.equals(ids), "pages");
        Results results = new ResultsApi(client).listResults(null, "0", null, null, null);
        check(results.getItems().size() == ids.size(), "results");
        try {
            api.getCommand("1", null);
            check(false, "problem");
        } catch (ApiException error) {
            check(error.getCode() == 404, "problem");
        }
    }

    /** Begin an operation, a task and an upgrade, and say what should be. */
    private void fleet() throws Exception {
        List<StepInput> steps = List.of(new StepInput().endpoint("reboot"));
        TargetsInput targets = new TargetsInput().deviceIds(List.of(device));
        OperationsApi operations = new OperationsApi(client);
        Operation operation = operations.beginOperation(
                new OperationInput().deviceId(device).steps(steps), null, null);
        check(operations.getOperation(operation.getId(), null).getSteps().size() == 1, "operation");
        TasksApi tasks = new TasksApi(client);
        Task task = tasks.makeTask(
                new TaskInput().targets(targets).steps(steps).stopAfterFailures("5%"),
                null, null);
        check(tasks.getTask(task.getId(), null).getDevices() == 1, "task");
        VerifyInput verify = new VerifyInput()
                .command(new StepInput().endpoint("system_information"))
                .versionPointer("/version");
        PhasesInput phases = new PhasesInput().download(steps).apply(steps).verify(verify);
        UpgradesApi upgrades = new UpgradesApi(client);
        Upgrade upgrade = upgrades.makeUpgrade(
                new UpgradeInput().targets(targets).targetVersion("5.15.2").phases(phases),
                null, null);
        DeviceUpgrade part = upgrades
                .listDevicesOfUpgrade(upgrade.getId(), null, null, null, null).getItems().get(0);
        check(part.getDeviceId().equals(device), "upgrade");
        Map<String, Object> desired = Map.of("general", Map.of("language", "en_US"));
        Shadow shadow = new ShadowsApi(client).patchShadow(device, desired, null, null);
        Object language = shadow.getServices().get("general").getDesired().get("language");
        check("en_US".equals(language), "shadow");
    }

    /** Subscribe, change the subscription, and unsubscribe. */
    private void subscriptions() throws Exception {
        SubscriptionsApi api = new SubscriptionsApi(client);
        Subscription made = api.makeSubscription(new SubscriptionInput()
                .url("https://receiver.example/events")
                .events(List.of(EventSelector.EVENT_SELECTOR_COMMAND_STATUS)), null);
        check(made.getSecret() != null, "secret");
        Subscription changed = api.changeSubscription(
                made.getId(), new SubscriptionPatch().tags(Map.of("site", List.of("north"))));
        check(changed.getTags().get("site").equals(List.of("north")), "tags");
        api.deleteSubscription(made.getId());
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        client.setRequestInterceptor(request -> {
            request.header("Authorization", "Bearer " + arguments[1]);
            if (request.build().uri().getPath().endsWith("/bytes")) {
                request.POST(HttpRequest.BodyPublishers.ofByteArray(PHOTO));
            }
        });
        Journey journey = new Journey(client, arguments[2]);
        journey.commands();
        journey.fleet();
        journey.subscriptions();
    }
}
