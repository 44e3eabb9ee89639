#include "platform/http/block_writer.hpp"

#include <array>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "platform/base/metrics.hpp"

namespace guildhall::http {
namespace {

/// A pipe whose reader does nothing on its own.
class Pipe {
public:
    Pipe() { EXPECT_EQ(::pipe(ends_.data()), 0); }
    ~Pipe() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    int writing() const { return ends_[1]; }
    std::string read(std::size_t bytes) {
        std::string all(bytes, '\0');
        for (std::size_t at = 0; at < bytes;) {
            const ssize_t count = ::read(ends_[0], all.data() + at, bytes - at);
            if (count <= 0) break;
            at += static_cast<std::size_t>(count);
        }
        return all;
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

constexpr std::size_t kMostBytes = 1 << 20;

TEST(AccessLogWriter, WritesBlocksWholeAndInOrder) {
    Pipe pipe;
    {
        BlockWriter writer(pipe.writing(), kMostBytes);
        for (int i = 0; i < 3; ++i) writer.put("block " + std::to_string(i) + "\n");
    }
    EXPECT_EQ(pipe.read(24), "block 0\nblock 1\nblock 2\n");
}

TEST(AccessLogWriter, DropsAndCountsLinesInsteadOfWaitingForAReaderThatStalls) {
    Pipe pipe;
    std::string block;
    while (block.size() < (64 << 10)) block += std::string(1023, 'x') + '\n';
    const auto start = std::chrono::steady_clock::now();
    {
        BlockWriter writer(pipe.writing(), kMostBytes);
        for (int i = 0; i < 100; ++i) writer.put(block);
        EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
        // 16 blocks of 64 lines fit the bound, one or two more the pipe.
        EXPECT_THAT(metrics::render(), testing::ContainsRegex("guildhall_access_log_dropped_total 5[0-9][0-9][0-9]"));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << "the end does not wait either";
    pipe.read(128 << 10);  // frees the thread
}

}  // namespace
}  // namespace guildhall::http
