#include "platform/http/read_buffer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

constexpr std::size_t kOwn = ReadBuffer::kOwnBytes;

// Receives `text`, `at_once` bytes at a time; how often the bytes were moved.
std::size_t receive(ReadBuffer& buffer, std::string_view text, std::size_t at_once) {
    std::size_t moves = 0;
    while (!text.empty()) {
        const char* const before = buffer.bytes().data();
        const auto room = buffer.prepare(std::max(kOwn, buffer.bytes().size()));
        if (room.size() == 0) break;
        if (buffer.bytes().data() != before) ++moves;
        const std::size_t count = std::min({at_once, room.size(), text.size()});
        std::memcpy(room.data(), text.data(), count);
        buffer.commit(count);
        text.remove_prefix(count);
    }
    return moves;
}

// [F: bodies are buffered before route and token]
TEST(ReadBuffer, MovesItsBytesAsOftenAsItDoubles) {
    ReceiveBudget budget(1 << 20);
    ReadBuffer buffer(budget);
    const std::string text(1 << 18, 'x');
    EXPECT_LE(receive(buffer, text, 1), 6U);  // from 4 KiB to 256 KiB
    EXPECT_EQ(buffer.bytes(), text);
    EXPECT_EQ(budget.used(), text.size() - kOwn);
}

TEST(ReadBuffer, TakesNothingOfTheBudgetForWhatFitsIntoItsOwnBytes) {
    ReceiveBudget budget(0);
    ReadBuffer buffer(budget);
    const std::string text(kOwn, 'x');
    receive(buffer, text, 100);
    EXPECT_EQ(buffer.bytes(), text);
    EXPECT_EQ(buffer.prepare(1).size(), 0U);
}

TEST(ReadBuffer, GivesBackWhatItTookAlsoWhenAByteOfTheNextRequestIsLeft) {
    ReceiveBudget budget(1 << 20);
    {
        ReadBuffer buffer(budget);
        receive(buffer, std::string(100'000, 'x') + "y", 5'000);
        EXPECT_GT(budget.used(), 0U);
        buffer.consume(100'000);
        EXPECT_EQ(buffer.bytes(), "y");
        EXPECT_EQ(budget.used(), 0U);
        receive(buffer, std::string(100'000, 'x'), 5'000);
    }
    EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace guildhall::http
