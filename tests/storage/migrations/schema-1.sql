-- What was at work in a database of schema 1, as the release of that schema wrote it:
-- made by its own services over a PostgreSQL, with a clock that was moved by hand. Load
-- it after the tables of 0001_first_release.sql; PostgreSQL calls a BLOB a BYTEA.
--
-- device 1   a pending command, enqueued with an Idempotency-Key
-- device 2   a command in flight
-- device 3   a command that was given up; its result may still come
-- device 4   a finished command, and an orphan
-- device 5   a key
-- device 6   an operation whose next step is due, and requests that were unknown
-- device 7   an operation whose last step is pending
-- device 8   a task under way; device 9 waits for its turn
-- device 10  an upgrade that downloads; device 11 was not seen yet
-- device 12  a desired value on its way
-- device 13  a long lane
-- device 20  a command that expired, and whose webhook is dead
-- device 30  belongs to another scope
-- device 99  quarantined

INSERT INTO scope (id, name, created_at) VALUES
(1, 'default', 1767225600000000),
(267188137101148302, 'second', 1767769816000000);

INSERT INTO device (device_id, scope_id, state, name, tags, hold, created_at, key_hash, old_key_hash, key_enforced) VALUES
(1, 1, 'adopted', 'door 1', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(2, 1, 'adopted', 'door 2', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(3, 1, 'adopted', 'door 3', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(4, 1, 'adopted', 'door 4', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(5, 1, 'adopted', 'door 5', '{"site":"north"}', NULL, 1767769810000000, '485d8a3b89a4fed26d3ac31b9b286b9cd168e1d03e4a370a42a84027e4ec2b74', NULL, 1),
(6, 1, 'adopted', 'door 6', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(7, 1, 'adopted', 'door 7', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(8, 1, 'adopted', 'door 8', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(9, 1, 'adopted', 'door 9', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(10, 1, 'adopted', 'door 10', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(11, 1, 'adopted', 'door 11', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(12, 1, 'adopted', 'door 12', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(13, 1, 'adopted', 'door 13', '{"site":"north"}', NULL, 1767769810000000, NULL, NULL, 0),
(20, 1, 'adopted', 'door 20', '{"site":"north"}', NULL, 1767225600000000, NULL, NULL, 0),
(30, 267188137101148302, 'adopted', 'theirs', '{}', NULL, 1767769816000000, NULL, NULL, 0),
(99, 1, 'quarantined', NULL, '{}', NULL, 1767769816000000, NULL, NULL, 0);

INSERT INTO device_seen (device_id, last_seen_at, address, period, polled_plain, stray_count) VALUES
(1, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(2, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(3, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(4, 1767769810000000, '127.0.0.1', NULL, 1, 0),
(5, 1767769816000000, '127.0.0.1', NULL, 0, 0),
(6, 1767769816000000, '127.0.0.1', NULL, 1, 2),
(7, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(8, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(9, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(10, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(12, 1767769816000000, '127.0.0.1', NULL, 1, 0),
(99, 1767769816000000, '127.0.0.1', NULL, 0, 2);

INSERT INTO stray_request (id, device_id, at, method, path, address, body) VALUES
(267188137101148178, 6, 1767769816000000, 'GET', '/api/notifications/dao?deviceId=6', '127.0.0.1', CAST('' AS BLOB)),
(267188137101148179, 6, 1767769816000000, 'POST', '/nothing.fcgi?deviceId=6', '127.0.0.1', CAST('a body' AS BLOB)),
(267188137101148180, 99, 1767769816000000, 'GET', '/push?deviceId=99', '127.0.0.1', CAST('' AS BLOB)),
(267188137101148181, 99, 1767769816000000, 'POST', '/result?deviceId=99', '127.0.0.1', CAST('{"response":{}}' AS BLOB));

INSERT INTO command (id, scope_id, device_id, verb, endpoint, body, content_type, query_string, metadata, priority, delivery, max_attempts, response_timeout, slow, created_at, not_before, expires_at, state, attempts, turns, sent_at, delivered_at, finished_at, operation_id, step, resource, result_id, service_id) VALUES
(264905529755484167, 1, 20, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"never polled"', 0, 'atLeastOnce', 5, 180000000, 0, 1767225600000000, NULL, 1767312000000000, 'EXPIRED', 0, 2, NULL, NULL, 1767769810000000, NULL, NULL, NULL, NULL, NULL),
(267188111935324182, 1, 4, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"finished"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769810000000, NULL, 1767856210000000, 'SUCCESSFUL', 1, 3, 1767769810000000, 1767769810000000, 1767769810000000, NULL, NULL, NULL, 267188111935324190, NULL),
(267188111935324197, 1, 3, 'POST', 'execute_actions', '{"actions": [{"action": "door", "parameters": "door=1"}]}', 'application/json', NULL, '"given up"', 0, 'atMostOnce', 5, 180000000, 0, 1767769810000000, NULL, 1767769840000000, 'TIMEOUT', 1, 4, 1767769810000000, 1767769810000000, 1767769816000000, NULL, NULL, NULL, NULL, NULL),
(267188137101148164, 1, 1, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"pending"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148168, 1, 2, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"in flight"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'DELIVERED', 1, 3, 1767769816000000, 1767769816000000, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148184, 1, 7, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, NULL, 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'SUCCESSFUL', 1, 3, 1767769816000000, 1767769816000000, 1767769816000000, 267188137101148183, 0, 'first', 267188137101148197, NULL),
(267188137101148211, 1, 8, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, NULL, 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'DELIVERED', 1, 3, 1767769816000000, 1767769816000000, NULL, 267188137101148206, 0, NULL, NULL, NULL),
(267188137101148227, 1, 10, 'POST', 'system_information', NULL, 'application/json', NULL, NULL, 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'SUCCESSFUL', 1, 3, 1767769816000000, 1767769816000000, 1767769816000000, 267188137101148222, 0, NULL, 267188137101148237, NULL),
(267188137101148242, 1, 7, 'POST', 'load_objects', '{"object": "cards"}', 'application/json', NULL, NULL, 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, 267188137101148183, 1, 'second', NULL, NULL),
(267188137101148245, 1, 10, 'POST', 'firmware_load', NULL, 'application/json', NULL, NULL, 0, 'atMostOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'DELIVERED', 1, 3, 1767769816000000, 1767769816000000, NULL, 267188137101148222, 1, NULL, NULL, NULL),
(267188137101148255, 1, 12, 'POST', 'set_configuration', '{"general":{"language":"pt_BR","beep_sound_enabled":"1"}}', 'application/json', NULL, NULL, 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'DELIVERED', 1, 3, 1767769816000000, 1767769816000000, NULL, NULL, NULL, NULL, NULL, 'general'),
(267188137101148263, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 0"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148264, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 1"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148265, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 2"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148266, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 3"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148267, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 4"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148268, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 5"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148269, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 6"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148270, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 7"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148271, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 8"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148272, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 9"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148273, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 10"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148274, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 11"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148275, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 12"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148276, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 13"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148277, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 14"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148278, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 15"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148279, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 16"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148299, 1, 13, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"long 17"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148307, 267188137101148302, 30, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, '"theirs"', 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'PENDING', 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148319, 1, 6, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, NULL, 0, 'atLeastOnce', 5, 180000000, 0, 1767769816000000, NULL, 1767856216000000, 'SUCCESSFUL', 1, 3, 1767769816000000, 1767769816000000, 1767769816000000, 267188137101148318, 0, 'first', 267188137101148329, NULL);

INSERT INTO delivery (id, command_id, device_id, uuid, address, sent_at, delivered_at, ended_at, outcome) VALUES
(267188111935324187, 267188111935324182, 4, 'u4', '127.0.0.1', 1767769810000000, 1767769810000000, 1767769810000000, 'successful'),
(267188111935324202, 267188111935324197, 3, NULL, '127.0.0.1', 1767769810000000, 1767769810000000, 1767769816000000, 'noAnswer'),
(267188137101148173, 267188137101148168, 2, 'u2', '127.0.0.1', 1767769816000000, 1767769816000000, NULL, NULL),
(267188137101148194, 267188137101148184, 7, 'u7', '127.0.0.1', 1767769816000000, 1767769816000000, 1767769816000000, 'successful'),
(267188137101148218, 267188137101148211, 8, 'u8', '127.0.0.1', 1767769816000000, 1767769816000000, NULL, NULL),
(267188137101148234, 267188137101148227, 10, 'u10', '127.0.0.1', 1767769816000000, 1767769816000000, 1767769816000000, 'successful'),
(267188137101148252, 267188137101148245, 10, 'u10b', '127.0.0.1', 1767769816000000, 1767769816000000, NULL, NULL),
(267188137101148260, 267188137101148255, 12, 'u12', '127.0.0.1', 1767769816000000, 1767769816000000, NULL, NULL),
(267188137101148326, 267188137101148319, 6, 'u6', '127.0.0.1', 1767769816000000, 1767769816000000, 1767769816000000, 'successful');

INSERT INTO result (id, scope_id, device_id, command_id, delivery_id, matched_by, uuid, endpoint, received_at, content_type, content_encoding, complete, body) VALUES
(267188111935324190, 1, 4, 267188111935324182, 267188111935324187, 'uuid', 'u4', NULL, 1767769810000000, NULL, NULL, 1, CAST('{"response":{"users":[]}}' AS BLOB)),
(267188111935324194, 1, 4, NULL, NULL, NULL, 'u-unknown', NULL, 1767769810000000, NULL, NULL, 1, CAST('{"response":{"lost":1}}' AS BLOB)),
(267188137101148197, 1, 7, 267188137101148184, 267188137101148194, 'uuid', 'u7', NULL, 1767769816000000, NULL, NULL, 1, CAST('{"response":{}}' AS BLOB)),
(267188137101148237, 1, 10, 267188137101148227, 267188137101148234, 'uuid', 'u10', NULL, 1767769816000000, NULL, NULL, 1, CAST('{"response": {"version": "1.0"}}' AS BLOB)),
(267188137101148329, 1, 6, 267188137101148319, 267188137101148326, 'uuid', 'u6', NULL, 1767769816000000, NULL, NULL, 1, CAST('{"response":{}}' AS BLOB));

INSERT INTO operation (id, scope_id, device_id, task_id, created_at, created_by, resource, action, app_id, properties, on_failure, steps, queued, done, failed, unknown, progress, status, canceled, retried, started_at, ended_at, modified_at, version) VALUES
(267188137101148183, 1, 7, NULL, 1767769816000000, 0, 'users', 'EXECUTE', 'pushserver', NULL, 'stop', 2, 2, 1, 0, 0, 50, 'RUNNING', 0, 0, 1767769816000000, NULL, 1767769816000000, 4),
(267188137101148206, 1, 8, 267188137101148204, 1767769816000000, 0, 'load_objects', 'EXECUTE', 'pushserver', NULL, 'stop', 1, 1, 0, 0, 0, 50, 'RUNNING', 0, 0, 1767769816000000, NULL, 1767769816000000, 2),
(267188137101148207, 1, 9, 267188137101148204, 1767769816000000, 0, 'load_objects', 'EXECUTE', 'pushserver', NULL, 'stop', 1, 0, 0, 0, 0, 0, 'RUNNING', 0, 0, NULL, NULL, 1767769816000000, 0),
(267188137101148222, 1, 10, 267188137101148220, 1767769816000000, 0, 'upgrade', 'EXECUTE', 'pushserver', NULL, 'stop', 4, 2, 1, 0, 0, 37, 'RUNNING', 0, 0, 1767769816000000, NULL, 1767769816000000, 5),
(267188137101148223, 1, 11, 267188137101148220, 1767769816000000, 0, 'upgrade', 'EXECUTE', 'pushserver', NULL, 'stop', 4, 0, 0, 0, 0, 0, 'RUNNING', 0, 0, NULL, NULL, 1767769816000000, 0),
(267188137101148318, 1, 6, NULL, 1767769816000000, 0, 'due', 'EXECUTE', 'pushserver', NULL, 'stop', 2, 1, 1, 0, 0, 50, 'RUNNING', 0, 0, 1767769816000000, NULL, 1767769816000000, 2);

INSERT INTO step (owner_id, number, resource, verb, endpoint, body, content_type, query_string, metadata, priority, delivery, max_attempts, response_timeout, expires_in, not_before, service_id) VALUES
(267188137101148183, 0, 'first', 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148183, 1, 'second', 'POST', 'load_objects', '{"object": "cards"}', 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148204, 0, NULL, 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148220, 0, NULL, 'POST', 'system_information', NULL, 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148220, 1, NULL, 'POST', 'firmware_load', NULL, 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148220, 2, NULL, 'POST', 'firmware_install', NULL, 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148220, 3, NULL, 'POST', 'system_information', NULL, 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148318, 0, 'first', 'POST', 'load_objects', '{"object": "users"}', 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
(267188137101148318, 1, 'second', 'POST', 'load_objects', '{"object": "cards"}', 'application/json', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO notification (id, operation_id, scope_id, created_at, created_by, sent_at, status, resource, progress, message) VALUES
(267188137101148186, 267188137101148183, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'first', 0, 'Step 1 of 2: queued'),
(267188137101148189, 267188137101148183, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', NULL, 5, 'begun'),
(267188137101148192, 267188137101148183, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'first', 25, 'Step 1 of 2: sent'),
(267188137101148198, 267188137101148183, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'first', 50, 'Step 1 of 2: SUCCESSFUL'),
(267188137101148213, 267188137101148206, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'load_objects', 0, 'Step 1 of 1: queued'),
(267188137101148216, 267188137101148206, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'load_objects', 50, 'Step 1 of 1: sent'),
(267188137101148229, 267188137101148222, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'system_information', 0, 'Step 1 of 4: queued'),
(267188137101148232, 267188137101148222, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'system_information', 12, 'Step 1 of 4: sent'),
(267188137101148238, 267188137101148222, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'system_information', 25, 'Step 1 of 4: SUCCESSFUL'),
(267188137101148244, 267188137101148183, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'second', 50, 'Step 2 of 2: queued'),
(267188137101148247, 267188137101148222, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'firmware_load', 25, 'Step 2 of 4: queued'),
(267188137101148250, 267188137101148222, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'firmware_load', 37, 'Step 2 of 4: sent'),
(267188137101148321, 267188137101148318, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'first', 0, 'Step 1 of 2: queued'),
(267188137101148324, 267188137101148318, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'first', 25, 'Step 1 of 2: sent'),
(267188137101148330, 267188137101148318, 1, 1767769816000000, 0, 1767769816000000, 'RUNNING', 'first', 50, 'Step 1 of 2: SUCCESSFUL');

INSERT INTO task (id, scope_id, name, created_at, created_by, expires_in, expires_at, state, resource, action, app_id, properties, on_failure, steps, concurrency, stop_after, forgiven, ended_at) VALUES
(267188137101148204, 1, 'nightly', 1767769816000000, 0, 86400000000, 1767856216000000, 'RUNNING', 'load_objects', 'EXECUTE', 'pushserver', NULL, 'stop', 1, 1, NULL, 0, NULL),
(267188137101148220, 1, 'firmware 2.0', 1767769816000000, 0, 86400000000, 1767856216000000, 'RUNNING', 'upgrade', 'EXECUTE', 'pushserver', NULL, 'stop', 4, NULL, NULL, 0, NULL);

INSERT INTO upgrade (task_id, scope_id, target_version, version_pointer, downloads, applies, retries, apply_timeout) VALUES
(267188137101148220, 1, '2.0', '/version', 1, 1, 0, 900000000);

INSERT INTO upgrade_part (operation_id, state, source_version, current_version, missing, tries, updating_at, error_code, error) VALUES
(267188137101148222, 'downloading', '1.0', '1.0', 0, 0, NULL, NULL, NULL);

INSERT INTO shadow (device_id, service_id, scope_id, desired, reported, version, desired_at, reported_at, command_id, sent, carried, sent_version, outcome, verified, error, lapsed, due, planned, read_id, asked) VALUES
(12, 'general', 1, '{"language":"pt_BR","beep_sound_enabled":true}', '{}', 1, 1767769816000000, NULL, 267188137101148255, '{"language":"pt_BR","beep_sound_enabled":true}', '{"language":"pt_BR","beep_sound_enabled":"1"}', 1, NULL, 0, NULL, 0, 0, 0, NULL, '[]');

INSERT INTO event (id, scope_id, type, device_id, at, data) VALUES
(264905529755484168, 1, 'command.status', 20, 1767225600000000, CAST('{"command_id":264905529755484167,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767225600000000}' AS BLOB)),
(267188111935324162, 1, 'command.status', 20, 1767769810000000, CAST('{"command_id":264905529755484167,"sequence":2,"state":"EXPIRED","endpoint":"load_objects","created_at":1767225600000000,"finished_at":1767769810000000}' AS BLOB)),
(267188111935324183, 1, 'command.status', 4, 1767769810000000, CAST('{"command_id":267188111935324182,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769810000000}' AS BLOB)),
(267188111935324186, 1, 'command.status', 4, 1767769810000000, CAST('{"command_id":267188111935324182,"sequence":2,"state":"SENT","endpoint":"load_objects","created_at":1767769810000000,"sent_at":1767769810000000}' AS BLOB)),
(267188111935324191, 1, 'command.status', 4, 1767769810000000, CAST('{"command_id":267188111935324182,"sequence":3,"state":"SUCCESSFUL","endpoint":"load_objects","created_at":1767769810000000,"sent_at":1767769810000000,"delivered_at":1767769810000000,"finished_at":1767769810000000,"result_id":267188111935324190}' AS BLOB)),
(267188111935324198, 1, 'command.status', 3, 1767769810000000, CAST('{"command_id":267188111935324197,"sequence":1,"state":"PENDING","endpoint":"execute_actions","created_at":1767769810000000}' AS BLOB)),
(267188111935324201, 1, 'command.status', 3, 1767769810000000, CAST('{"command_id":267188111935324197,"sequence":2,"state":"SENT","endpoint":"execute_actions","created_at":1767769810000000,"sent_at":1767769810000000}' AS BLOB)),
(267188111935324205, 1, 'command.status', 3, 1767769810000000, CAST('{"command_id":267188111935324197,"sequence":3,"state":"DELIVERED","endpoint":"execute_actions","created_at":1767769810000000,"sent_at":1767769810000000,"delivered_at":1767769810000000}' AS BLOB)),
(267188137101148161, 1, 'command.status', 3, 1767769816000000, CAST('{"command_id":267188111935324197,"sequence":4,"state":"TIMEOUT","endpoint":"execute_actions","created_at":1767769810000000,"sent_at":1767769810000000,"delivered_at":1767769810000000,"finished_at":1767769816000000}' AS BLOB)),
(267188137101148165, 1, 'command.status', 1, 1767769816000000, CAST('{"command_id":267188137101148164,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148169, 1, 'command.status', 2, 1767769816000000, CAST('{"command_id":267188137101148168,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148172, 1, 'command.status', 2, 1767769816000000, CAST('{"command_id":267188137101148168,"sequence":2,"state":"SENT","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000}' AS BLOB)),
(267188137101148185, 1, 'command.status', 7, 1767769816000000, CAST('{"command_id":267188137101148184,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000,"operation_id":267188137101148183}' AS BLOB)),
(267188137101148193, 1, 'command.status', 7, 1767769816000000, CAST('{"command_id":267188137101148184,"sequence":2,"state":"SENT","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"operation_id":267188137101148183}' AS BLOB)),
(267188137101148199, 1, 'command.status', 7, 1767769816000000, CAST('{"command_id":267188137101148184,"sequence":3,"state":"SUCCESSFUL","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000,"finished_at":1767769816000000,"operation_id":267188137101148183,"result_id":267188137101148197}' AS BLOB)),
(267188137101148212, 1, 'command.status', 8, 1767769816000000, CAST('{"command_id":267188137101148211,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000,"operation_id":267188137101148206}' AS BLOB)),
(267188137101148217, 1, 'command.status', 8, 1767769816000000, CAST('{"command_id":267188137101148211,"sequence":2,"state":"SENT","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"operation_id":267188137101148206}' AS BLOB)),
(267188137101148228, 1, 'command.status', 10, 1767769816000000, CAST('{"command_id":267188137101148227,"sequence":1,"state":"PENDING","endpoint":"system_information","created_at":1767769816000000,"operation_id":267188137101148222}' AS BLOB)),
(267188137101148233, 1, 'command.status', 10, 1767769816000000, CAST('{"command_id":267188137101148227,"sequence":2,"state":"SENT","endpoint":"system_information","created_at":1767769816000000,"sent_at":1767769816000000,"operation_id":267188137101148222}' AS BLOB)),
(267188137101148239, 1, 'command.status', 10, 1767769816000000, CAST('{"command_id":267188137101148227,"sequence":3,"state":"SUCCESSFUL","endpoint":"system_information","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000,"finished_at":1767769816000000,"operation_id":267188137101148222,"result_id":267188137101148237}' AS BLOB)),
(267188137101148243, 1, 'command.status', 7, 1767769816000000, CAST('{"command_id":267188137101148242,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000,"operation_id":267188137101148183}' AS BLOB)),
(267188137101148246, 1, 'command.status', 10, 1767769816000000, CAST('{"command_id":267188137101148245,"sequence":1,"state":"PENDING","endpoint":"firmware_load","created_at":1767769816000000,"operation_id":267188137101148222}' AS BLOB)),
(267188137101148251, 1, 'command.status', 10, 1767769816000000, CAST('{"command_id":267188137101148245,"sequence":2,"state":"SENT","endpoint":"firmware_load","created_at":1767769816000000,"sent_at":1767769816000000,"operation_id":267188137101148222}' AS BLOB)),
(267188137101148256, 1, 'command.status', 12, 1767769816000000, CAST('{"command_id":267188137101148255,"sequence":1,"state":"PENDING","endpoint":"set_configuration","created_at":1767769816000000}' AS BLOB)),
(267188137101148259, 1, 'command.status', 12, 1767769816000000, CAST('{"command_id":267188137101148255,"sequence":2,"state":"SENT","endpoint":"set_configuration","created_at":1767769816000000,"sent_at":1767769816000000}' AS BLOB)),
(267188137101148280, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148263,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148281, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148264,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148282, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148265,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148283, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148266,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148284, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148267,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148285, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148268,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148286, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148269,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148287, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148270,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148288, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148271,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148289, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148272,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148290, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148273,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148291, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148274,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148292, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148275,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148293, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148276,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148294, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148277,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148295, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148278,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148296, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148279,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148300, 1, 'command.status', 13, 1767769816000000, CAST('{"command_id":267188137101148299,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000}' AS BLOB)),
(267188137101148320, 1, 'command.status', 6, 1767769816000000, CAST('{"command_id":267188137101148319,"sequence":1,"state":"PENDING","endpoint":"load_objects","created_at":1767769816000000,"operation_id":267188137101148318}' AS BLOB)),
(267188137101148325, 1, 'command.status', 6, 1767769816000000, CAST('{"command_id":267188137101148319,"sequence":2,"state":"SENT","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"operation_id":267188137101148318}' AS BLOB)),
(267188137101148331, 1, 'command.status', 6, 1767769816000000, CAST('{"command_id":267188137101148319,"sequence":3,"state":"SUCCESSFUL","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000,"finished_at":1767769816000000,"operation_id":267188137101148318,"result_id":267188137101148329}' AS BLOB)),
(267188137101148334, 1, 'command.status', 2, 1767769816000000, CAST('{"command_id":267188137101148168,"sequence":3,"state":"DELIVERED","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000}' AS BLOB)),
(267188137101148335, 1, 'command.status', 8, 1767769816000000, CAST('{"command_id":267188137101148211,"sequence":3,"state":"DELIVERED","endpoint":"load_objects","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000,"operation_id":267188137101148206}' AS BLOB)),
(267188137101148336, 1, 'command.status', 10, 1767769816000000, CAST('{"command_id":267188137101148245,"sequence":3,"state":"DELIVERED","endpoint":"firmware_load","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000,"operation_id":267188137101148222}' AS BLOB)),
(267188137101148337, 1, 'command.status', 12, 1767769816000000, CAST('{"command_id":267188137101148255,"sequence":3,"state":"DELIVERED","endpoint":"set_configuration","created_at":1767769816000000,"sent_at":1767769816000000,"delivered_at":1767769816000000}' AS BLOB));

INSERT INTO interest (scope_id, type, since, until) VALUES
(1, 'device.online', 1767769816000000, 1767770416000000),
(1, 'command.status', 0, 1767770416000000);

INSERT INTO subscription (id, scope_id, created_at, url, events, format, secret, app_id, cursor, device_ids, tags, ordered, headers, description, include_result, profile, resource_name, old_secret, old_secret_until, health, failures, failing_since, dropped, last_success_at, last_failure_at, last_error) VALUES
(264905529755484164, 1, 1767225600000000, 'http://127.0.0.1:1/dead', 'command.status', 'native', 'whsec_cmllCYEBhKK/+7AsU4DhuwAf+YLNfzz9OSV9siGVDoQ=', '1', 264905529755484168, NULL, NULL, 0, '{}', 'dead', 0, 'standard', NULL, NULL, NULL, 'paused', 10, 1767225600000000, 0, NULL, 1767769810000000, 'Cannot connect to 127.0.0.1:1: Connection refused.'),
(267188111935324166, 1, 1767769810000000, 'http://127.0.0.1:1/pending', 'command.status', 'native', 'whsec_2ze6BbB5ql0MsbvmJYsv6Ef1IcSddJfW6q7VyU8LFkw=', '1', 267188137101148300, NULL, NULL, 0, '{}', 'pending', 0, 'standard', NULL, NULL, NULL, 'active', 41, 1767769816000000, 0, NULL, 1767769816000000, 'Cannot connect to 127.0.0.1:1: Connection refused.');

INSERT INTO webhook (subscription_id, event_id, device_id, state, next_at, attempts) VALUES
(264905529755484164, 264905529755484168, 20, 'dead', NULL, '[{"answer":null,"at":1767225600000000,"duration":969,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767225610000000,"duration":721,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767226210000000,"duration":585,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767229810000000,"duration":568,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767244210000000,"duration":354,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767280210000000,"duration":300,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767352210000000,"duration":275,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767453010000000,"duration":270,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767597010000000,"duration":244,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null},{"answer":null,"at":1767769810000000,"duration":235,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188111935324183, 4, 'pending', 1767769821017255, '[{"answer":null,"at":1767769816000000,"duration":972,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188111935324186, 4, 'pending', 1767769821004211, '[{"answer":null,"at":1767769816000000,"duration":848,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188111935324191, 4, 'pending', 1767769821155063, '[{"answer":null,"at":1767769816000000,"duration":550,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188111935324198, 3, 'pending', 1767769821422362, '[{"answer":null,"at":1767769816000000,"duration":470,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188111935324201, 3, 'pending', 1767769821474179, '[{"answer":null,"at":1767769816000000,"duration":451,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188111935324205, 3, 'pending', 1767769821176017, '[{"answer":null,"at":1767769816000000,"duration":426,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148161, 3, 'pending', 1767769821079501, '[{"answer":null,"at":1767769816000000,"duration":419,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148165, 1, 'pending', 1767769821263707, '[{"answer":null,"at":1767769816000000,"duration":410,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148169, 2, 'pending', 1767769821490393, '[{"answer":null,"at":1767769816000000,"duration":422,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148172, 2, 'pending', 1767769821227313, '[{"answer":null,"at":1767769816000000,"duration":415,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148185, 7, 'pending', 1767769821089539, '[{"answer":null,"at":1767769816000000,"duration":396,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148193, 7, 'pending', 1767769821438997, '[{"answer":null,"at":1767769816000000,"duration":560,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148199, 7, 'pending', 1767769821386177, '[{"answer":null,"at":1767769816000000,"duration":556,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148212, 8, 'pending', 1767769821276188, '[{"answer":null,"at":1767769816000000,"duration":389,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148217, 8, 'pending', 1767769821228972, '[{"answer":null,"at":1767769816000000,"duration":376,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148228, 10, 'pending', 1767769821300797, '[{"answer":null,"at":1767769816000000,"duration":514,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148233, 10, 'pending', 1767769821069650, '[{"answer":null,"at":1767769816000000,"duration":512,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148239, 10, 'pending', 1767769821084738, '[{"answer":null,"at":1767769816000000,"duration":492,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148243, 7, 'pending', 1767769821213871, '[{"answer":null,"at":1767769816000000,"duration":420,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148246, 10, 'pending', 1767769821456227, '[{"answer":null,"at":1767769816000000,"duration":398,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148251, 10, 'pending', 1767769821405555, '[{"answer":null,"at":1767769816000000,"duration":387,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148256, 12, 'pending', 1767769821130109, '[{"answer":null,"at":1767769816000000,"duration":381,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148259, 12, 'pending', 1767769821355480, '[{"answer":null,"at":1767769816000000,"duration":411,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148280, 13, 'pending', 1767769821169041, '[{"answer":null,"at":1767769816000000,"duration":413,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148281, 13, 'pending', 1767769821132612, '[{"answer":null,"at":1767769816000000,"duration":401,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148282, 13, 'pending', 1767769821066473, '[{"answer":null,"at":1767769816000000,"duration":582,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148283, 13, 'pending', 1767769821383753, '[{"answer":null,"at":1767769816000000,"duration":587,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148284, 13, 'pending', 1767769821234850, '[{"answer":null,"at":1767769816000000,"duration":383,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148285, 13, 'pending', 1767769821361126, '[{"answer":null,"at":1767769816000000,"duration":369,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148286, 13, 'pending', 1767769821002596, '[{"answer":null,"at":1767769816000000,"duration":366,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148287, 13, 'pending', 1767769821243146, '[{"answer":null,"at":1767769816000000,"duration":368,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148288, 13, 'pending', 1767769821404771, '[{"answer":null,"at":1767769816000000,"duration":12999,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148289, 13, 'pending', 1767769821092597, '[{"answer":null,"at":1767769816000000,"duration":920,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148290, 13, 'pending', 1767769821271056, '[{"answer":null,"at":1767769816000000,"duration":605,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148291, 13, 'pending', 1767769821242163, '[{"answer":null,"at":1767769816000000,"duration":478,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148292, 13, 'pending', 1767769821218661, '[{"answer":null,"at":1767769816000000,"duration":431,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148293, 13, 'pending', 1767769821421250, '[{"answer":null,"at":1767769816000000,"duration":429,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148294, 13, 'pending', 1767769821266328, '[{"answer":null,"at":1767769816000000,"duration":417,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148295, 13, 'pending', 1767769821134245, '[{"answer":null,"at":1767769816000000,"duration":406,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148296, 13, 'pending', 1767769821346021, '[{"answer":null,"at":1767769816000000,"duration":822,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]'),
(267188111935324166, 267188137101148300, 13, 'pending', 1767769821014248, '[{"answer":null,"at":1767769816000000,"duration":606,"error":"Cannot connect to 127.0.0.1:1: Connection refused.","status":null}]');

INSERT INTO idempotency_key (token_id, path, value, fingerprint, answer, created_at) VALUES
(0, '/api/v1/devices/1/commands', 'once', '88b497cc9e7ab41d329c5378e92b141b66bc9968cc8832b0583e22a2ef964b24', CAST('{"id":"267188137101148164","deviceId":"1","verb":"POST","endpoint":"load_objects","body":{"object": "users"},"contentType":"application/json","state":"PENDING","delivery":"atLeastOnce","priority":0,"maxAttempts":5,"responseTimeout":180,"createdAt":"2026-01-07T07:10:16.000000Z","expiresAt":"2026-01-08T07:10:16.000000Z","attempts":0,"deliveries":[],"metadata":"pending"}' AS BLOB), 1767769816000000);

INSERT INTO token (id, scope_id, hash, name, permissions, created_at, revoked_at) VALUES
(267188137101148303, 267188137101148302, 'e33479aa5facad68e9cf6ca07a0106bd17fa8c23756ab211a2adcd9cf85495b9', 'first admin token', 'admin', 1767769816000000, NULL),
(267188137101148309, 1, '8336b11046928078eca5593b4d46a43c16d11439b9795a4af7a09a87ac13f247', 'reads results', 'commands:read results:read', 1767769816000000, NULL);

-- PostgreSQL alone

INSERT INTO lane (device_id, version, live, unsure, trail) VALUES
(1, 267188137101148166, 1, 0, ''),
(2, 267188137101148338, 1, 0, ''),
(3, 267188137101148162, 0, 1767769990000000, ''),
(4, 267188111935324192, 0, 0, ''),
(6, 267188137101148332, 0, 0, ''),
(7, 267188137101148248, 1, 0, ''),
(8, 267188137101148338, 1, 0, ''),
(10, 267188137101148338, 1, 0, ''),
(12, 267188137101148338, 1, 0, ''),
(13, 267188137101148301, 18, 0, '267188137101148297,267188137101148299'),
(20, 267188111935324163, 0, 0, ''),
(30, 267188137101148308, 1, 0, '');
