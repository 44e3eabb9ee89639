#include "platform/cache/coherence_message.hpp"

#include <charconv>

namespace guildhall::cache {
namespace {

// Removes the part of `text` before the next `separator`, and the separator, and returns the part.
std::string_view take(std::string_view& text, char separator) {
    const auto end = std::min(text.find(separator), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    return failure == std::errc() && rest == end;
}

bool read_change(std::string_view text, CoherenceMessage& message) {
    auto& [kind, ids] = message.changes.emplace_back();
    kind = take(text, ':');
    while (!text.empty())
        if (!read_number(take(text, ','), ids.emplace_back())) return false;
    return true;
}

}  // namespace

std::string CoherenceMessage::write() const {
    std::string text(1, static_cast<char>(type));
    text += ' ';
    text += sender;
    text += ' ';
    text += std::to_string(sequence);
    if (type == Type::ack) text += ' ' + service;
    if (type == Type::heartbeat) text += ' ' + std::to_string(number);
    for (const std::string& kind : kinds) text += ' ' + kind;
    for (const auto& [kind, ids] : changes) {
        text += ' ';
        text += kind;
        char before = ':';
        for (const std::int64_t id : ids) {
            text += std::exchange(before, ',');
            text += std::to_string(id);
        }
    }
    return text;
}

std::optional<CoherenceMessage> CoherenceMessage::read(std::string_view text) {
    const std::string_view type = take(text, ' ');
    if (type.size() != 1 || !std::string_view("hcla").contains(type[0])) return std::nullopt;
    CoherenceMessage message{};
    message.type = static_cast<Type>(type[0]);
    message.sender = take(text, ' ');
    if (message.sender.empty() || !read_number(take(text, ' '), message.sequence)) return std::nullopt;
    if (message.type == Type::ack) message.service = take(text, ' ');
    if (message.type == Type::heartbeat && !read_number(take(text, ' '), message.number)) return std::nullopt;
    while (!text.empty()) {
        const std::string_view word = take(text, ' ');
        if (message.type == Type::heartbeat) message.kinds.emplace_back(word);
        if (message.type == Type::change && !read_change(word, message)) return std::nullopt;
    }
    return message;
}

}  // namespace guildhall::cache
