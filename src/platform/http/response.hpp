#pragma once

#include <string>
#include <utility>
#include <vector>

#include "platform/base/cursor.hpp"

namespace guildhall::http {

/// An answer on its way to the socket. Content-Length, Date, connection headers and those of the router are added there.
struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
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

/// A page of the API that is not JSON.
struct Document {
    std::string content_type;
    std::string body;
};

}  // namespace guildhall::http
