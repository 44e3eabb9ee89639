#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "platform/async/task.hpp"
#include "services/connection/cached_members.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// So many rows at least are read on where some were left out.
inline constexpr std::size_t kRowsReadOn = 200;

/// The other members of rows of a member's lists.
std::vector<UserId> peers_of(const auto& rows) {
    std::vector<UserId> ids;
    ids.reserve(rows.size());
    for (const auto& row : rows) ids.push_back(row.peer_id);
    return ids;
}

/// The first `count` rows that `fetch(after, count)` gives, without those of hidden members, and of those who hide their connections when `members`
/// is given. Reads on where some are left out, at most once for each kRowsReadOn of them, and twice more.
template <class Row, class Fetch>
Task<std::vector<Row>> take_visible(Fetch fetch, const user::UserSet& hidden, std::optional<Row> after,
                                    std::size_t count, CachedMembers* members = nullptr) {
    std::vector<Row> visible;
    for (std::size_t asked = count;; asked = std::max(count, kRowsReadOn)) {
        std::vector<Row> rows = co_await fetch(after, asked);
        const bool is_end = rows.size() < asked;
        Ids hiding;
        if (members) hiding = co_await members->hiding(peers_of(rows));
        for (Row& row : rows) {
            after = row;
            if (hidden.contains(row.peer_id) || contains(hiding, row.peer_id)) continue;
            visible.push_back(std::move(row));
            if (visible.size() == count) co_return visible;
        }
        if (is_end) co_return visible;
    }
}

}  // namespace guildhall::connection
