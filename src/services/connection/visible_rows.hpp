#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/http/paging.hpp"
#include "services/connection/cached_members.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// Few members are hidden from anyone, so pages are filled nearly always.
inline constexpr http::ScanBounds kScanBounds{200, 2000};

/// The other members of rows of a member's lists.
std::vector<UserId> peers_of(const auto& rows) {
    std::vector<UserId> ids;
    ids.reserve(rows.size());
    for (const auto& row : rows) ids.push_back(row.peer_id);
    return ids;
}

/// The page of the rows that `fetch` gives (see http::fill_page), without those of hidden members and, when `members`
/// is given, of those who hide their connections.
template <class Row, class Request, class Fetch, class KeyOf>
Task<Page<Row>> page_of_visible(const Request& request, Fetch& fetch, KeyOf key_of, const user::UserSet& hidden,
                                CachedMembers* members = nullptr) {
    using Shown = http::Shown<Row, decltype(key_of(std::declval<Row>()))>;
    auto show = [&](std::vector<Row> rows) -> Task<std::vector<Shown>> {
        Ids hiding;
        if (members) hiding = co_await members->hiding(peers_of(rows));
        std::vector<Shown> visible;
        visible.reserve(rows.size());
        for (Row& row : rows) {
            if (hidden.contains(row.peer_id) || contains(hiding, row.peer_id)) continue;
            auto key = key_of(row);
            visible.push_back({std::move(key), std::move(row)});
        }
        co_return visible;
    };
    co_return co_await http::fill_page<Row>(request, fetch, key_of, show, kScanBounds);
}

}  // namespace guildhall::connection
