#pragma once

#include <string>

#include <libpq-fe.h>

#include "platform/base/result.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// The transaction must run again (serialisation failure, deadlock).
class RetryTransaction : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// The connection is lost or must not be used again. Changes without a COMMIT have not happened.
class ConnectionLost : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// The failure of a statement, as the caller sees it.
struct PostgresFailure {
    /// The reaction that it needs.
    enum class Kind { none, constraint, retry, unavailable, disk_full, lost, corrupt };
    Kind kind = Kind::none;
    std::string message = {};

    explicit operator bool() const { return kind != Kind::none; }
    /// Throws the exception for it.
    [[noreturn]] void raise() const;
};

/// The failure in `result`, without the values of the statement. `statement` is the name of the statement.
PostgresFailure failure_of(const PGresult* result, const char* statement);

}  // namespace guildhall::sql
