#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/cursor.hpp"
#include "platform/base/result.hpp"
#include "platform/json/constraints.hpp"

namespace guildhall::post {

inline constexpr std::int64_t kFromNewest = std::numeric_limits<std::int64_t>::max();

/// Rows that one request looks at, at most: a page whose rows are mostly hidden from the reader ends early, with a
/// cursor.
inline constexpr std::size_t kMaxScanned = 1000;
inline constexpr std::size_t kFurtherRead = 100;

/// Where a list by id goes on; `start` without a cursor. Errors: invalid when the cursor is of another list.
inline Result<std::int64_t> position_of(const std::optional<json::CursorText>& cursor, std::string_view kind,
                                        std::int64_t start = kFromNewest) {
    if (!cursor) return start;
    auto decoded = Cursor::decode(cursor->value, kind, 1);
    if (!decoded) return decoded.error();
    return decoded->numbers[0];
}

/// An item that the reader may see, with its place in the list.
template <class Item>
struct Shown {
    std::int64_t position;
    Item item;
};

/// Fills a page of `limit` items with what the reader may see of a list of rows. No row is skipped and none comes
/// twice, since pages meet at positions, not at counts.
///   fetch(position, count) -> Task<std::vector<Row>>            the next rows behind `position`; fewer than `count`
/// only at the end
///   place(row) -> std::int64_t                                  a row's position
///   show(std::vector<Row>) -> Task<std::vector<Shown<Item>>>    the visible ones of them, in order
template <class Item, class Fetch, class Place, class Show>
Task<Page<Item>> fill_page(std::string_view kind, std::int64_t position, std::size_t limit, Fetch& fetch, Place place,
                           Show& show) {
    Page<Item> page;
    page.items.reserve(limit);
    std::int64_t last = position;  // of the last item on the page
    std::size_t scanned = 0;
    bool has_more = false;
    bool at_end = false;
    // One item more than the page holds tells whether there is a next page. Where much is hidden from the reader, the further
    // reads are large, so that they stay few.
    while (!has_more && !at_end && scanned < kMaxScanned) {
        const std::size_t asked =
            scanned == 0 ? limit + 1 : std::min(std::max(limit + 1, kFurtherRead), kMaxScanned - scanned);
        auto rows = co_await fetch(position, asked);
        at_end = rows.size() < asked;
        if (rows.empty()) break;
        scanned += rows.size();
        position = place(rows.back());
        std::vector<Shown<Item>> visible = co_await show(std::move(rows));
        for (Shown<Item>& shown : visible) {
            if (page.items.size() == limit) {
                has_more = true;
                break;
            }
            last = shown.position;
            page.items.push_back(std::move(shown.item));
        }
    }
    if (has_more) {
        page.next_cursor = Cursor{std::string(kind), {last}, {}}.encode();
    } else if (!at_end) {
        page.next_cursor = Cursor{std::string(kind), {position}, {}}.encode();
    }
    co_return page;
}

}  // namespace guildhall::post
