#include <utility>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

namespace {

[[noreturn]] void refuse(std::size_t column, const char* expected) {
    throw Corrupt("column " + std::to_string(column) + " of a row is not " + expected);
}

}  // namespace

Corrupt newer_database(const std::string& name) {
    return Corrupt("the database has the migration " + name +
                   ", which this program does not know: a newer version has changed the database; run that version");
}

Value& Row::at(std::size_t column) const {
    if (column >= columns_) throw Corrupt("a row has no column " + std::to_string(column));
    return cells_[column];
}

std::int64_t Row::number(std::size_t column) const {
    const auto* number = std::get_if<std::int64_t>(&at(column));
    if (!number) refuse(column, "a number");
    return *number;
}

const std::string& Row::text(std::size_t column) const {
    const auto* text = std::get_if<std::string>(&at(column));
    if (!text) refuse(column, "text");
    return *text;
}

std::string Row::take_text(std::size_t column) {
    auto* text = std::get_if<std::string>(&at(column));
    if (!text) refuse(column, "text");
    return std::move(*text);
}

std::optional<std::int64_t> Row::optional_number(std::size_t column) const {
    if (is_null(column)) return {};
    return number(column);
}

void Transaction::committed() {
    for (auto& hook : hooks_) hook();
    hooks_.clear();
}

}  // namespace guildhall::sql
