#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "platform/base/result.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::cache {

/// Database::transact for a transaction that changes what processes have in memory. At the commit, before any event of
/// it is sent, `changes` are dropped in this process; when this returns they are dropped in all processes. This also
/// holds when it throws, because the outcome may be unknown. `body` may add to `changes`, including what it possibly
/// changes.
template <class T, class Body>
Task<Result<T>> transact(sql::Database& database, Coherence& coherence, Changes& changes, Body body) {
    std::optional<Coherence::AnnouncementPointer> announcement;
    auto announcing = [&](sql::Transaction& tx) -> Task<Result<T>> {
        tx.after_commit([&] {
            if (!changes.empty()) announcement = coherence.announce(changes);
        });
        return body(tx);
    };
    std::optional<Result<T>> result;
    std::exception_ptr failure;
    try {
        result.emplace(co_await database.transact<T>(announcing));
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && !announcement && !changes.empty()) announcement = coherence.announce(changes);
    if (announcement && *announcement) co_await coherence.wait_until_dropped(std::move(*announcement));
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
}

}  // namespace guildhall::cache
