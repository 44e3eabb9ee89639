#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "platform/base/result.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::cache {

/// Database::transact for a transaction that changes what processes keep in memory: what `changes` then holds is dropped here in the moment of the commit, before
/// any event of it is sent, and everywhere when this returns; also when it throws, for the outcome may be unknown. `body` may add to `changes`, also
/// what it only may change.
template <class T, class Body>
Task<Result<T>> transact(sql::Database& database, Coherence& coherence, Changes& changes, Body body) {
    std::optional<Coherence::Told> told;
    auto announcing = [&](sql::Transaction& tx) -> Task<Result<T>> {
        tx.after_commit([&] {
            if (!changes.empty()) told = coherence.announce(changes);
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
    if (failure && !told && !changes.empty()) told = coherence.announce(changes);
    if (told && *told) co_await coherence.settled(std::move(*told));
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
}

}  // namespace guildhall::cache
