#pragma once

#include <string>
#include <utility>
#include <vector>

namespace guildhall::http {

/// The answer of another server.
struct ClientResponse {
    int status = 0;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace guildhall::http
