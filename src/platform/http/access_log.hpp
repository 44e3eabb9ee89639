#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/id.hpp"

namespace guildhall::http {

/// What the access log says of one request. The query is left out: it may hold what a member searched for.
struct AccessLine {
    Time time;
    std::string_view request_id;
    std::string_view traceparent;
    std::string_view method;
    std::string_view path;
    int status;
    std::size_t bytes;
    std::chrono::microseconds duration;
    UserId user;
    std::string_view ip;
};

/// The access log of one thread: one JSON object a line on standard output, written in blocks. Not thread-safe.
class AccessLog {
public:
    explicit AccessLog(bool enabled) : enabled_(enabled) {}
    ~AccessLog() { flush(); }
    /// Adds one line.
    void add(const AccessLine& line);
    /// Writes what waits; called at least once a second.
    void flush();

private:
    bool enabled_;
    std::string waiting_;
};

}  // namespace guildhall::http
