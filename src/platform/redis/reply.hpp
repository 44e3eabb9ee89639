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

/// An answer of the server. Bytes are as they were stored, NUL included.
struct Reply {
    /// `status` is a short word of the server ("OK"), `error` its refusal, whose first word says of what kind.
    enum class Kind { nil, integer, text, status, error, array };

    Kind kind = Kind::nil;
    std::int64_t integer = 0;
    std::string text = {};  // of text, status and error
    std::vector<Reply> elements = {};

    bool is_nil() const { return kind == Kind::nil; }
    bool is_error() const { return kind == Kind::error; }
    /// True for an error whose first word is `word` ("MOVED").
    bool is_error(std::string_view word) const {
        return is_error() && text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
    }
};

/// Cuts the stream of one connection into answers (RESP2, by hiredis). Not thread-safe.
class Reader {
public:
    Reader();

    /// Takes bytes that were received.
    void feed(std::string_view bytes);
    /// The next whole answer, or nothing yet. Throws Unavailable when the bytes are not of this protocol; the connection is of no use then.
    std::optional<Reply> next();

private:
    struct Free {
        void operator()(redisReader* reader) const;
    };
    std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace guildhall::redis
