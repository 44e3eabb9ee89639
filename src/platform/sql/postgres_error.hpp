#pragma once

#include <string>

#include <libpq-fe.h>

#include "platform/base/result.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// The engine asks for the transaction to be run again (serialisation failure, deadlock).
class RetryTransaction : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// The connection is gone or must not be used again. What was not asked to commit has not happened.
class ConnectionLost : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// What a failed statement means to the caller.
struct PostgresFailure {
    /// What the caller can do about it.
    enum class Kind { none, constraint, retry, unavailable, disk_full, lost, corrupt };
    Kind kind = Kind::none;
    std::string message = {};

    explicit operator bool() const { return kind != Kind::none; }
    /// Throws the exception for it.
    [[noreturn]] void raise() const;
};

/// The failure in `result`, told without the values of the statement. `statement` is its name.
PostgresFailure failure_of(const PGresult* result, const char* statement);

}  // namespace guildhall::sql
