#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/id.hpp"
#include "platform/http/block_writer.hpp"

namespace guildhall::http {

/// One line of the access log. The query is left out: it may contain what a member searched for.
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

/// The access log of one thread: one JSON object per line, handed to the writer in blocks. Not thread-safe.
class AccessLog {
public:
    /// Without a writer (null) nothing is logged. The writer outlives this.
    explicit AccessLog(BlockWriter* writer) : writer_(writer) {}
    ~AccessLog() { flush(); }
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    /// Adds one line.
    void add(const AccessLine& line);
    /// Hands the waiting lines to the writer; called at least once a second.
    void flush();

private:
    BlockWriter* const writer_;
    std::string waiting_;
};

}  // namespace guildhall::http
