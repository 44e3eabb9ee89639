#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "platform/base/clock.hpp"
#include "platform/http/response.hpp"

namespace guildhall::http {

/// Writes the heads of answers. Not thread-safe: it keeps the text of the current second's Date.
class ResponseHeads {
public:
    /// Appends the head of `response`, which is sent at `now`, from the status line to the empty line. Without
    /// `keep_alive` it has Connection: close; without a `request_id` no X-Request-Id.
    void write(std::string& out, const Response& response, Time now, std::string_view request_id, bool keep_alive);

private:
    std::string_view date(Time now);

    std::time_t date_at_ = 0;
    std::string date_;
};

}  // namespace guildhall::http
