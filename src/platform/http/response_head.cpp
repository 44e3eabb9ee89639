#include "platform/http/response_head.hpp"

#include <boost/beast/http/status.hpp>

#include "platform/json/write.hpp"

namespace guildhall::http {
namespace {

std::string_view reason_of(int status) {
    const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    return {reason.data(), reason.size()};
}

void write_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

}  // namespace

std::string_view ResponseHeads::date(Time now) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    if (seconds == date_at_) return date_;
    date_at_ = seconds;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40];
    const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text, size);
    return date_;
}

void ResponseHeads::write(std::string& out, const Response& response, Time now, std::string_view request_id,
                          bool keep_alive) {
    out += "HTTP/1.1 ";
    json::write(out, response.status);
    out += ' ';
    out += reason_of(response.status);
    out += "\r\n";
    write_field(out, "Date", date(now));
    if (!response.content_type.empty()) write_field(out, "Content-Type", response.content_type);
    if (response.status != 204 && response.status != 304) {
        out += "Content-Length: ";
        json::write(out, response.body.size());
        out += "\r\n";
    }
    out += response.headers.text();
    if (!request_id.empty()) write_field(out, "X-Request-Id", request_id);
    out += "X-Content-Type-Options: nosniff\r\n";
    if (!keep_alive) out += "Connection: close\r\n";
    out += "\r\n";
}

}  // namespace guildhall::http
