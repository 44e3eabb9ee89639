#include "platform/http/chunked_body.hpp"

#include <string>

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

/// Decodes `text`, of which `piece` more bytes arrive at a time: the body, or why it is refused.
std::string decode(std::string_view text, std::size_t piece) {
    ChunkedBody body(200);
    std::string buffer;
    std::size_t done = 0;
    while (!body.is_done()) {
        if (text.empty()) return "unfinished";
        buffer += text.substr(0, piece);
        text.remove_prefix(std::min(piece, text.size()));
        const auto step = body.decode(std::span(buffer).subspan(done));
        buffer.erase(done + step.data, step.used - step.data);
        done += step.data;
        if (body.fault()) return "refused";
    }
    return buffer.substr(0, done) + '|' + buffer.substr(done) + std::string(text);
}

class ChunkedBodyTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(ChunkedBodyTest, IsPutTogether) {
    EXPECT_EQ(decode("5\r\nhello\r\n6 ;a=b;c=\"d\"\r\n, you\n\r\n0\r\n\r\nNEXT", GetParam()), "hello, you\n|NEXT");
    EXPECT_EQ(decode("00a\r\n0123456789\r\n000\r\nX-A: b\r\nX-C:\r\n\r\n", GetParam()), "0123456789|");
    EXPECT_EQ(decode("0\r\n\r\n", GetParam()), "|");
}

// [F: trailers]
TEST_P(ChunkedBodyTest, IsRefusedWithATrailerThatNoHeaderMayBe) {
    for (const char* trailer : {"X-A: b\r\n c\r\n", "X-A: b\r\n\tc\r\n", " X-A: b\r\n", "X-A : b\r\n", "X-A\r\n",
                                ": b\r\n", "X-A: b\n", "X-A: b\rc\r\n"})
        EXPECT_EQ(decode("1\r\na\r\n0\r\n" + std::string(trailer) + "\r\n", GetParam()), "refused") << trailer;
    EXPECT_EQ(decode("0\r\nX-A: " + std::string(300, 'b') + "\r\n\r\n", GetParam()), "refused");
    std::string many = "0\r\n";
    for (int i = 0; i < 50; ++i) many += "A: b\r\n";
    EXPECT_EQ(decode(many + "\r\n", GetParam()), "refused");
}

TEST_P(ChunkedBodyTest, IsRefusedWithAChunkThatIsNone) {
    for (const char* body : {"\r\n", "x\r\n", "-1\r\na\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", " 1\r\na\r\n", "1\na\r\n",
                             "1\r\nab\r\n", "1\r\na\n", "1\r\na\r0\r\n\r\n", "1 x\r\na\r\n", "1;\x01\r\na\r\n",
                             "fffffffffffffffff\r\na\r\n", "1\r\na0\r\n\r\n", "0\r\n\n"})
        EXPECT_EQ(decode(std::string(body) + "0\r\n\r\n", GetParam()), "refused") << body;
    EXPECT_EQ(decode("1;" + std::string(300, 'x') + "\r\na\r\n0\r\n\r\n", GetParam()), "refused");
}

INSTANTIATE_TEST_SUITE_P(Arrives, ChunkedBodyTest, ::testing::Values(1, 2, 7, 10'000),
                         [](const auto& info) { return "InPiecesOf" + std::to_string(info.param); });

}  // namespace
}  // namespace guildhall::http
