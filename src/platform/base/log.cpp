#include "platform/base/log.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "platform/base/clock.hpp"
#include "platform/base/text.hpp"

namespace guildhall {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Appends `text` as the inside of a JSON string; bytes that are not UTF-8 (an error text of a library) become U+FFFD.
void append_escaped(std::string& out, std::string_view text) {
    const bool is_valid = is_utf8(text);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            out += "\\u00";
            out += hex(std::string_view(&c, 1));
        } else if (byte >= 0x80 && !is_valid) {
            out += kReplacement;
        } else {
            out += c;
        }
    }
}

// {"time":"…","level":"info","msg":"…"}
class JsonFormatter final : public spdlog::formatter {
public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& destination) override {
        std::string line = "{\"time\":\"";
        append_rfc3339(line, std::chrono::time_point_cast<std::chrono::microseconds>(message.time));
        line += "\",\"level\":\"";
        line += level_name(message.level);
        line += "\",\"msg\":\"";
        append_escaped(line, {message.payload.data(), message.payload.size()});
        line += "\"}\n";
        destination.append(line.data(), line.data() + line.size());
    }
    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }

private:
    static std::string_view level_name(spdlog::level::level_enum level) {
        switch (level) {
        case spdlog::level::trace: return "trace";
        case spdlog::level::debug: return "debug";
        case spdlog::level::info: return "info";
        case spdlog::level::warn: return "warn";
        default: return "error";
        }
    }
};

std::optional<spdlog::level::level_enum> find_level(std::string_view name) {
    if (name == "trace") return spdlog::level::trace;
    if (name == "debug") return spdlog::level::debug;
    if (name == "info") return spdlog::level::info;
    if (name == "warn") return spdlog::level::warn;
    if (name == "error") return spdlog::level::err;
    return std::nullopt;
}

}  // namespace

bool is_log_level(std::string_view level) { return find_level(level).has_value(); }

void set_up_log(std::string_view level, bool json) {
    const auto threshold = find_level(level);
    if (!threshold)
        throw std::invalid_argument("log level must be trace, debug, info, warn or error, not \"" + std::string(level) +
                                    "\"");
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("", sink);
    if (json) {
        logger->set_formatter(std::make_unique<JsonFormatter>());
    } else {
        logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v", spdlog::pattern_time_type::utc);
    }
    logger->set_level(*threshold);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace guildhall
