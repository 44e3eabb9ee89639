#pragma once

#include <algorithm>
#include <cstddef>
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

// Pages of a list. A page continues behind the sort key of the last row of the page before (keyset pagination), so rows
// that are inserted or removed meanwhile make no other row come twice or not at all.
//
// A page request says where the page begins and how many items it has at most:
//   after                     a sort key
//   limit                     std::size_t
//   cursor_after(key)         the cursor of the page behind `key`, as the client gets it

namespace guildhall::http {

/// Before every row of a list in descending order of ids.
inline constexpr std::int64_t kNewestFirst = std::numeric_limits<std::int64_t>::max();

/// A page request for a list in the order of ids.
struct PageRequest {
    std::string kind;  // names the list and its order in its cursors
    std::int64_t after;
    std::size_t limit;

    /// The page that `query` asks for: the first one, behind `start`, when there is no cursor.
    /// Errors: invalid (a fault at /cursor) when the cursor is of another list.
    static Result<PageRequest> of(const json::PageQuery& query, std::string_view kind,
                                  std::int64_t start = kNewestFirst) {
        PageRequest request{std::string(kind), start, static_cast<std::size_t>(query.limit.value)};
        if (!query.cursor) return request;
        const auto cursor = Cursor::decode(query.cursor->value, kind, 1);
        if (!cursor) return cursor.error();
        request.after = cursor->numbers[0];
        return request;
    }

    std::string cursor_after(std::int64_t id) const { return Cursor{kind, {id}, {}}.encode(); }
};

/// The page of a list that nothing is left out of. `rows` are the next ones, one more than `request.limit` unless the
/// list ends before; `key_of(row)` is a row's sort key.
template <class Request, class Row, class KeyOf>
Page<Row> page_of(const Request& request, std::vector<Row> rows, KeyOf key_of) {
    Page<Row> page;
    if (rows.size() > request.limit) {
        rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(request.limit), rows.end());
        page.next_cursor = request.cursor_after(key_of(rows.back()));
    }
    page.items = std::move(rows);
    return page;
}

/// How far one request reads in a list that much may be left out of. A page whose rows are mostly hidden from the
/// reader ends early, with a cursor.
struct ScanBounds {
    std::size_t rows_per_read = 100;  // at least, after the first read: few large reads
    std::size_t max_rows = 1000;
};

/// An item that the reader may see, with the sort key of its row.
template <class Item, class Key = std::int64_t>
struct Shown {
    Key key;
    Item item;
};

/// Fills a page with what the reader may see of a list.
///   fetch(after, count) -> Task<std::vector<Row>>               the next rows; fewer than `count` only at the end
///   key_of(row)                                                 a row's sort key
///   show(std::vector<Row>) -> Task<std::vector<Shown<Item>>>    the visible ones of them, in order
template <class Item, class Request, class Fetch, class KeyOf, class Show>
Task<Page<Item>> fill_page(const Request& request, Fetch& fetch, KeyOf key_of, Show& show, ScanBounds bounds = {}) {
    Page<Item> page;
    page.items.reserve(request.limit);
    auto scanned_to = request.after;
    auto shown_to = request.after;
    std::size_t scanned = 0;
    bool has_more = false;
    bool at_end = false;
    // One item more than the page holds tells whether there is a next page.
    std::size_t asked = request.limit + 1;
    while (!has_more && !at_end && scanned < bounds.max_rows) {
        auto rows = co_await fetch(scanned_to, asked);
        at_end = rows.size() < asked;
        if (rows.empty()) break;
        scanned += rows.size();
        scanned_to = key_of(rows.back());
        auto visible = co_await show(std::move(rows));
        for (auto& shown : visible) {
            if (page.items.size() == request.limit) {
                has_more = true;
                break;
            }
            shown_to = std::move(shown.key);
            page.items.push_back(std::move(shown.item));
        }
        asked = std::min(std::max(request.limit + 1, bounds.rows_per_read), bounds.max_rows - scanned);
    }
    if (has_more) {
        page.next_cursor = request.cursor_after(shown_to);
    } else if (!at_end) {
        page.next_cursor = request.cursor_after(scanned_to);
    }
    co_return page;
}

}  // namespace guildhall::http
