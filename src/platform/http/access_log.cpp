#include "platform/http/access_log.hpp"

#include <mutex>

#include <unistd.h>

#include "platform/json/write.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kBlock = 32 << 10;

}  // namespace

void AccessLog::add(const AccessLine& line) {
    if (!enabled_) return;
    std::string& out = waiting_;
    out += "{\"time\":";
    json::write(out, line.time);
    out += ",\"request_id\":";
    json::write_string(out, line.request_id);
    out += ",\"trace\":";
    json::write_string(out, line.traceparent);
    out += ",\"method\":";
    json::write_string(out, line.method);
    out += ",\"path\":";
    json::write_string(out, line.path);
    out += ",\"status\":";
    json::write(out, line.status);
    out += ",\"bytes\":";
    json::write(out, line.bytes);
    out += ",\"duration_us\":";
    json::write(out, line.duration.count());
    out += ",\"user_id\":";
    json::write(out, line.user);
    out += ",\"ip\":";
    json::write_string(out, line.ip);
    out += "}\n";
    if (out.size() >= kBlock) flush();
}

void AccessLog::flush() {
    // The threads' blocks are longer than what a pipe takes in one piece.
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    std::string_view rest = waiting_;
    while (!rest.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (written <= 0) break;  // a log that cannot be written must not stop the service
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    waiting_.clear();
}

}  // namespace guildhall::http
