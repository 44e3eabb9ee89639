#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;  // NOLINT(readability-identifier-naming): of hiredis

namespace guildhall::redis {

/// An answer of the server. Bytes are as stored, including NUL.
struct Reply {
    /// `status` is a short word ("OK"), `error` a refusal, whose first word is its kind.
    enum class Kind { nil, integer, text, status, error, array };

    Kind kind = Kind::nil;
    std::int64_t integer = 0;
    std::string text = {};  // of text, status and error
    std::vector<Reply> elements = {};

    bool is_error() const { return kind == Kind::error; }
    /// True for an error whose first word is `word` ("MOVED").
    bool is_error(std::string_view word) const {
        return is_error() && text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
    }
};

/// Splits the stream of one connection into answers (RESP2, by hiredis). Not thread-safe.
class Reader {
public:
    Reader();

    /// Adds received bytes.
    void feed(std::string_view bytes);
    /// The next complete answer, if there is one. Throws Unavailable when the bytes are not RESP2; the connection is
    /// then unusable.
    std::optional<Reply> next();

private:
    struct Free {
        void operator()(redisReader* reader) const;
    };
    std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace guildhall::redis
