#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/base/cursor.hpp"

namespace guildhall::http {

/// Header fields as they are sent, each on its line.
class HeaderLines {
public:
    /// Neither has a line break.
    void add(std::string_view name, std::string_view value) {
        if (text_.empty()) text_.reserve(kUsualBytes);
        text_.append(name).append(": ").append(value).append("\r\n");
    }
    std::string_view text() const { return text_; }

private:
    static constexpr std::size_t kUsualBytes = 256;
    std::string text_;
};

/// An answer on its way to the socket. Date, Content-Length and the like are added there.
struct Response {
    int status = 200;
    std::string_view content_type = "application/json";  // a literal; empty: there is no body
    std::string body;
    HeaderLines headers;
    std::int64_t version = 0;  // of what the body shows, for the entity tag; 0: it has no versions
    std::string_view gzipped;  // the body, compressed before; empty: it is compressed for each answer
    bool is_replay = false;    // of an idempotent request, whose version is not known any more
};

/// 201 with the new thing and where it is.
template <class T>
struct Created {
    T value;
    std::string location;
};

/// 202: the work goes on after the answer.
template <class T>
struct Accepted {
    T value;
};

/// 301 to where the thing is now.
struct Moved {
    std::string location;
};

/// Either the thing, or where it is now.
template <class T>
struct FoundOrMoved {
    std::optional<T> value;
    std::string location;
};

/// An answer that is not the JSON of a struct.
struct Document {
    std::string_view content_type;  // a literal
    std::string body;
    std::string_view gzipped = {};  // see Response
};

}  // namespace guildhall::http
