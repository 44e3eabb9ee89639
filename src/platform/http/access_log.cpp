#include "platform/http/access_log.hpp"

#include <utility>

#include "platform/json/write.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kBlockBytes = 32 << 10;
constexpr std::size_t kUsualLineBytes = 1 << 10;  // few are longer

}  // namespace

void AccessLog::add(const AccessLine& line) {
    if (!writer_) return;
    std::string& out = waiting_;
    if (out.empty()) out.reserve(kBlockBytes + kUsualLineBytes);
    // The ids and the method are checked or made by the server: they have nothing to escape.
    out += "{\"time\":";
    json::write(out, line.time);
    out.append(",\"request_id\":\"").append(line.request_id);
    out.append("\",\"trace\":\"").append(line.traceparent);
    out.append("\",\"method\":\"").append(line.method);
    out += "\",\"path\":";
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
    if (out.size() >= kBlockBytes) flush();
}

void AccessLog::flush() {
    if (waiting_.empty()) return;
    writer_->put(std::move(waiting_));
    waiting_.clear();
}

}  // namespace guildhall::http
