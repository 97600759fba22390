"""The names under which the short JSON form is understood: data, one table.

Of two names of one field in one record the one that stands first here wins. A name with a dot is
also read as a nested object (`{"actor":{"id":…}}`); the keys of `GROUPS` say under which prefix
the members of other objects are read. Our own field names come first, then camelCase and
snake_case of what applications write.
"""

from whodid.event import ActorType

TEXT_FIELDS: dict[str, str] = {
    "actor.name": "actor.name actor_name actorName user.name user.username user.login "
    "displayName display_name fullName full_name user.displayName "
    "actor.displayName",
    "actor.type": "actor.type actor_type actorType userType user_type user.type principalType",
    "actor.on_behalf_of": "actor.on_behalf_of on_behalf_of onBehalfOf impersonator impersonated_by "
    "impersonatedBy delegated_by delegatedBy delegator",
    "agent_id": "agent_id agentId ai_agent aiAgent agent.id agent_name agentName agent.name "
    "ai_agent.id ai_agent.name assistant bot",
    "access": "access access_type accessType",
    "resource.parent": "resource.parent resource_parent resourceParent database db bucket tenant "
    "tenant_id tenantId organization org workspace project",
    "host": "host hostname host_name hostName host.name server server_name node",
    "traceparent": "traceparent trace_parent traceParent",
    "actor.id": "actor.id actor_id actorId userId user_id user.id uid user.uid username "
    "user_name userName user actor principal subject account login email "
    "user.email userEmail user_email actor.email sub",
    "actor.session": "actor.session session_id sessionId session session.id sid actor.session_id",
    "action": "action event_name eventName operation activity event_type eventType "
    "event.action event.name event verb op command activity_name method "
    "httpMethod http_method request.method http.method",
    "resource.type": "resource.type resource_type resourceType target_type targetType target.type "
    "objectType object_type object.type entityType entity_type",
    "resource.name": "resource.name resource resource_name resourceName resource_id resourceId "
    "resource.id resource.uri target target_name targetName target.name target_id "
    "targetId target.id object object.name object_name objectName object.id "
    "object_id objectId file file_name fileName filename table entity entity_id "
    "entityId document",
    "outcome": "outcome status result outcome.result status_code statusCode http_status "
    "httpStatus response_status responseStatus response.status http.status_code "
    "decision event.outcome",
    "reason": "reason error error_message errorMessage error.message failure_reason "
    "failureReason outcome.reason error_code errorCode error.code status_detail "
    "statusDetail",
    "ip": "ip ip_address ipAddress client_ip clientIp clientIP client.ip source_ip "
    "sourceIp sourceIP sourceIPAddress source.ip src_ip srcIp remote_addr "
    "remoteAddr remote_ip remoteIp remote_address remoteAddress client.address "
    "user.ip actor.ip actor_ip request.ip",
    "agent": "user_agent userAgent user_agent.original http_user_agent httpUserAgent "
    "request.user_agent client.user_agent ua agent",
    "service.name": "service.name service service_name serviceName app application app_name "
    "appName application_name applicationName app.name application.name component "
    "logger",
    "service.version": "service.version service_version serviceVersion app_version appVersion "
    "application_version applicationVersion app.version application.version "
    "version",
    "endpoint": "endpoint path request_path requestPath request.path uri request_uri "
    "requestUri url request_url requestUrl request.url http.url http.path route",
    "correlation": "correlation correlation_id correlationId correlationID x_correlation_id "
    "transaction_id transactionId workflow_id workflowId",
    "trace": "trace trace_id traceId traceID trace.id",
    "span": "span span_id spanId spanID span.id trace.span trace.span_id",
    "request": "request request_id requestId requestID request.id x_request_id reqId req_id",
    "message": "message msg description text summary",
    "statement": "statement sql query db.statement sql_text sqlText query_text queryText prompt",
    "client_id": "event_id eventId eventID event.id client_id_of_event uuid record_id recordId id",
}
"""Fields whose value is text, the rare ones first."""

OTHER_FIELDS: dict[str, str] = {
    "time": "time timestamp @timestamp event_time eventTime event.time datetime date_time "
    "dateTime date ts created_at createdAt occurred_at occurredAt when",
    "rows": "rows row_count rowCount rows_affected rowsAffected rows_returned "
    "rowsReturned record_count recordCount records",
    "bytes": "bytes size size_bytes sizeBytes bytes_sent bytesSent file_size fileSize "
    "response_bytes responseBytes content_length contentLength",
    "duration_ms": "duration_ms durationMs latency_ms latencyMs elapsed_ms elapsedMs took_ms",
    "duration_us": "duration_us durationUs duration_micros",
    "actor.groups": "actor.groups groups roles user.groups user.roles actor.roles role",
    "resource.labels": "resource.labels resource_labels resource.tags labels tags classification",
    "resources": "resources targets files tables objects",
    "port": "port client_port clientPort source_port sourcePort source.port client.port "
    "remote_port remotePort",
    "via": "via x_forwarded_for xForwardedFor forwarded_for forwardedFor proxies",
    "success": "success ok succeeded allowed granted authorized",
    "changes": "changes diff changed modifications",
    "before": "before old old_value oldValue old_values oldValues",
    "after": "after new new_value newValue new_values newValues",
    "params": "params parameters bind_params args arguments",
    "epoch": "epoch source_epoch sourceEpoch",
    "seq": "seq sequence sequence_number sequenceNumber",
}
"""Fields of other values, the rare ones last."""

COMMON_FROM, COMMON_TO = "actor.id", "duration_ms"
"""First and last field that is not rare."""

FIELDS: dict[str, int] = {name: slot for slot, name in enumerate((*TEXT_FIELDS, *OTHER_FIELDS))}
"""Field → its slot; those with text come first."""

NAMES_OF: tuple[tuple[str, ...], ...] = tuple(
    tuple(names.split()) for names in (*TEXT_FIELDS.values(), *OTHER_FIELDS.values())
)
"""Slot → its names, the best first."""

NAMES: dict[str, int] = {name: slot for slot, names in enumerate(NAMES_OF) for name in names}
"""Name → slot."""

GROUPS: dict[str, str] = {
    **dict.fromkeys(("when", "who", "what", "where", "context", "content", "details"), ""),
    **dict.fromkeys(("actor", "principal", "subject"), "actor."),
    **dict.fromkeys(("user", "account"), "user."),
    **dict.fromkeys(("resource", "file", "document", "entity"), "resource."),
    **dict.fromkeys(("service", "component"), "service."),
    **{
        name: f"{name}."
        for name in (
            "target", "object", "app", "application", "client", "source", "http", "event", "error",
            "outcome", "session", "trace", "request", "response", "host", "agent", "ai_agent",
            "user_agent", "db", "span",
        )
    },
}  # fmt: skip
"""Key of a nested object → prefix of the names of its members."""

ACTOR_TYPES: dict[str, ActorType] = {
    "user": "user", "human": "user", "person": "user", "employee": "user", "admin": "user",
    "service": "service", "service_account": "service", "serviceaccount": "service",
    "machine": "service", "app": "service", "application": "service", "api_key": "service",
    "agent": "agent", "ai": "agent", "ai_agent": "agent", "bot": "agent", "assistant": "agent",
    "llm": "agent", "system": "system", "internal": "system", "anonymous": "anonymous",
    "guest": "anonymous", "public": "anonymous",
}  # fmt: skip
