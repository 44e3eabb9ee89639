#include "platform/http/paging.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/await.hpp"

namespace guildhall::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kKind = "numbers";

json::PageQuery query(int limit, std::optional<std::string> cursor = {}) {
    json::PageQuery query{{limit}, {}};
    if (cursor) query.cursor = json::CursorText{std::move(*cursor)};
    return query;
}

/// The numbers from `count` down to 1, of which a reader sees those that `is_visible`.
class Numbers {
public:
    Numbers(std::int64_t count, std::function<bool(std::int64_t)> is_visible)
        : count_(count), is_visible_(std::move(is_visible)) {}

    Page<std::int64_t> page(const PageRequest& request, ScanBounds bounds = {}) {
        auto fetch = [this](std::int64_t after, std::size_t asked) -> Task<std::vector<std::int64_t>> {
            reads_.push_back(asked);
            std::vector<std::int64_t> rows;
            for (std::int64_t n = std::min(after - 1, count_); n > 0 && rows.size() < asked; --n) rows.push_back(n);
            co_return rows;
        };
        const auto key_of = [](std::int64_t row) { return row; };
        auto show = [this](std::vector<std::int64_t> rows) -> Task<std::vector<Shown<std::int64_t>>> {
            std::vector<Shown<std::int64_t>> shown;
            for (const std::int64_t row : rows)
                if (is_visible_(row)) shown.push_back({row, row});
            co_return shown;
        };
        return test::await(fill_page<std::int64_t>(request, fetch, key_of, show, bounds));
    }

    /// How many rows each read asked for.
    const std::vector<std::size_t>& reads() const { return reads_; }

private:
    std::int64_t count_;
    std::function<bool(std::int64_t)> is_visible_;
    std::vector<std::size_t> reads_;
};

bool is_even(std::int64_t n) { return n % 2 == 0; }

TEST(PagingTest, PagesMeetWhereRowsAreHidden) {
    Numbers numbers(23, is_even);
    std::vector<std::int64_t> seen;
    std::optional<std::string> cursor;
    do {
        const auto page = numbers.page(*PageRequest::of(query(3, cursor), kKind));
        seen.insert(seen.end(), page.items.begin(), page.items.end());
        cursor = page.next_cursor;
    } while (cursor);
    EXPECT_THAT(seen, ElementsAre(22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2));
}

TEST(PagingTest, TheLastPageHasNoCursorWhenItIsFull) {
    Numbers numbers(4, is_even);
    const auto page = numbers.page(*PageRequest::of(query(2), kKind));
    EXPECT_THAT(page.items, ElementsAre(4, 2));
    EXPECT_FALSE(page.next_cursor);
}

TEST(PagingTest, OneReadFillsAPageOfWhichNothingIsHidden) {
    Numbers numbers(100, [](std::int64_t) { return true; });
    EXPECT_EQ(numbers.page(*PageRequest::of(query(20), kKind)).items.size(), 20U);
    EXPECT_THAT(numbers.reads(), ElementsAre(21));
}

TEST(PagingTest, APageWhoseRowsAreHiddenEndsAtTheBoundAndTheNextContinuesThere) {
    Numbers numbers(25, [](std::int64_t n) { return n == 1; });
    const auto first = numbers.page(*PageRequest::of(query(1), kKind), {10, 20});
    EXPECT_THAT(first.items, IsEmpty());
    EXPECT_THAT(numbers.reads(), ElementsAre(2, 10, 8));
    ASSERT_TRUE(first.next_cursor);
    const auto second = numbers.page(*PageRequest::of(query(1, first.next_cursor), kKind), {10, 20});
    EXPECT_THAT(second.items, ElementsAre(1));
    EXPECT_FALSE(second.next_cursor);
}

TEST(PagingTest, AListOfWhichNothingIsHiddenIsCutAtTheLimit) {
    const auto request = *PageRequest::of(query(2), kKind);
    const auto key_of = [](std::int64_t row) { return row; };
    const auto cut = page_of(request, std::vector<std::int64_t>{9, 8, 7}, key_of);
    EXPECT_THAT(cut.items, ElementsAre(9, 8));
    ASSERT_TRUE(cut.next_cursor);
    EXPECT_EQ(PageRequest::of(query(2, cut.next_cursor), kKind)->after, 8);
    EXPECT_FALSE(page_of(request, std::vector<std::int64_t>{7, 6}, key_of).next_cursor);
}

TEST(PagingTest, ACursorOfAnotherListIsRefused) {
    const std::string cursor = PageRequest{"letters", 5, 1}.cursor_after(5);
    const auto request = PageRequest::of(query(1, cursor), kKind);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, Code::invalid);
}

}  // namespace
}  // namespace guildhall::http
