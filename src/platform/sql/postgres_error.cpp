#include "platform/sql/postgres_error.hpp"

#include <string_view>

namespace guildhall::sql {
namespace {

using Kind = PostgresFailure::Kind;

/// Source: PostgreSQL 15, Appendix A, "PostgreSQL Error Codes".
Kind kind_of(std::string_view state) {
    const auto of_class = [state](std::string_view prefix) { return state.starts_with(prefix); };
    if (of_class("23")) return Kind::constraint;
    if (state == "22021") return Kind::constraint;                 // text with NUL or not UTF-8
    if (state == "40001" || state == "40P01") return Kind::retry;  // serialization_failure, deadlock_detected
    if (state == "53100") return Kind::disk_full;
    if (state == "57014" || state == "55P03") return Kind::unavailable;  // statement_timeout, lock_timeout
    if (of_class("53") || of_class("58")) return Kind::unavailable;
    if ((of_class("08") && state != "08P01") || of_class("57")) return Kind::lost;  // 08P01: wrong use of the protocol
    if (state == "25006") return Kind::lost;  // read-only: this server is no longer the primary
    if (state == "25P03") return Kind::lost;  // idle_in_transaction_session_timeout
    // The prepared statement is unknown, because a pooler changed the session: a new connection helps.
    if (state == "26000") return Kind::lost;
    return Kind::corrupt;
}

/// A prepared statement whose result type has changed by a migration: a new connection helps, unlike for other
/// features that are not supported. The name of the function is the same in every language.
bool has_changed_type(const PGresult* result, std::string_view state) {
    const char* function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return state == "0A000" && function && std::string_view(function) == "RevalidateCachedQuery";
}

}  // namespace

void PostgresFailure::raise() const {
    switch (kind) {
    case Kind::constraint: throw ConstraintViolation(message);
    case Kind::retry: throw RetryTransaction(message);
    case Kind::unavailable: throw Unavailable(message);
    case Kind::disk_full: throw Unavailable(message, Code::insufficient_storage);
    case Kind::lost: throw ConnectionLost(message);
    default: throw Corrupt(message);
    }
}

PostgresFailure failure_of(const PGresult* result, const char* statement) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    // Without a state it is a message of libpq: the connection broke.
    if (!state) return {Kind::lost, std::string(statement) + ": " + PQresultErrorMessage(result)};
    const auto kind = has_changed_type(result, state) ? Kind::lost : kind_of(state);
    return {kind, std::string(statement) + ": " + (primary ? primary : "failed") + " (" + state + ")"};
}

}  // namespace guildhall::sql
