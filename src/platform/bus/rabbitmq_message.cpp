#include "platform/bus/rabbitmq_message.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>

namespace guildhall::bus {
namespace {

constexpr std::uint8_t kPersistent = 2;
constexpr const char* kSpecVersion = "cloudEvents_specversion";
constexpr const char* kId = "cloudEvents_id";
constexpr const char* kSource = "cloudEvents_source";
constexpr const char* kType = "cloudEvents_type";
constexpr const char* kSubject = "cloudEvents_subject";
constexpr const char* kTime = "cloudEvents_time";
constexpr const char* kTraceparent = "cloudEvents_traceparent";
const std::string kVersion = "1.0";

// With microseconds: the receiver gets the time that the producer has stored.
std::string precise_time(Time time) {
    std::string text = to_rfc3339(time);
    text.pop_back();  // the Z
    const auto micros = to_micros(time) % 1000;
    const std::string digits = std::to_string(micros < 0 ? micros + 1000 : micros);
    return text.append(3 - digits.size(), '0') + digits + 'Z';
}

std::optional<std::string_view> find_header(const amqp_basic_properties_t& properties, std::string_view name) {
    if ((properties._flags & AMQP_BASIC_HEADERS_FLAG) == 0) return std::nullopt;
    for (int i = 0; i < properties.headers.num_entries; ++i) {
        const amqp_table_entry_t& entry = properties.headers.entries[i];
        if (std::string_view(static_cast<const char*>(entry.key.bytes), entry.key.len) != name) continue;
        if (entry.value.kind != AMQP_FIELD_KIND_UTF8) return std::nullopt;
        const amqp_bytes_t value = entry.value.value.bytes;
        return std::string_view(static_cast<const char*>(value.bytes), value.len);
    }
    return std::nullopt;
}

std::optional<std::int64_t> read_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

MessageProperties::MessageProperties(const Envelope& event)
    : id_(std::to_string(event.id.value)), subject_(std::to_string(event.subject)), time_(precise_time(event.time)) {
    properties_._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG |
                         AMQP_BASIC_MESSAGE_ID_FLAG;
    properties_.content_type = amqp_cstring_bytes("application/json");
    properties_.delivery_mode = kPersistent;
    properties_.message_id = bytes_of(id_);
    properties_.headers.entries = headers_.data();
    add(kSpecVersion, kVersion);
    add(kId, id_);
    add(kSource, event.source);
    add(kType, event.type);
    add(kSubject, subject_);
    add(kTime, time_);
    if (!event.traceparent.empty()) add(kTraceparent, event.traceparent);
}

void MessageProperties::add(const char* name, const std::string& value) {
    amqp_table_entry_t& entry = headers_[static_cast<std::size_t>(properties_.headers.num_entries++)];
    entry.key = amqp_cstring_bytes(name);
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = bytes_of(value);
}

std::optional<Envelope> read_envelope(const amqp_basic_properties_t& properties) {
    const auto version = find_header(properties, kSpecVersion);
    const auto source = find_header(properties, kSource);
    const auto type = find_header(properties, kType);
    const auto time = find_header(properties, kTime);
    if (version != kVersion || !source || !type || !time) return std::nullopt;
    const auto id = read_number(find_header(properties, kId).value_or(""));
    const auto subject = read_number(find_header(properties, kSubject).value_or(""));
    const auto at = parse_rfc3339(*time);
    if (!id || !subject || !at) return std::nullopt;
    return Envelope{.id = EventId{*id},
                    .source = std::string(*source),
                    .type = std::string(*type),
                    .subject = *subject,
                    .time = *at,
                    .traceparent = std::string(find_header(properties, kTraceparent).value_or("")),
                    .data = {}};
}

}  // namespace guildhall::bus
