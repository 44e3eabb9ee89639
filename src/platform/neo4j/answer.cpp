#include "platform/neo4j/answer.hpp"

#include <utility>

#include "platform/base/result.hpp"

namespace guildhall::neo4j {
namespace {

// {"results": [{"columns": […], "data": [{"row": […], "meta": […]}, …]}, …], "errors": [{"code": …, "message": …}], …}
// Source: the Neo4j HTTP API manual, "Result formats", the default format.
constexpr const char* kUnknownForm = "Neo4j's answer has an unknown form";

const boost::json::value& member(const boost::json::value& of, std::string_view name) {
    const auto* object = of.if_object();
    const auto* found = object ? object->if_contains({name.data(), name.size()}) : nullptr;
    if (!found) throw Corrupt(kUnknownForm);
    return *found;
}

const boost::json::array& items(const boost::json::value& of, std::string_view name) {
    const auto* array = member(of, name).if_array();
    if (!array) throw Corrupt(kUnknownForm);
    return *array;
}

std::string text(const boost::json::value& of, std::string_view name) {
    const auto* string = member(of, name).if_string();
    if (!string) throw Corrupt(kUnknownForm);
    return {string->data(), string->size()};
}

boost::json::value parsed(std::string_view body, boost::json::storage_ptr memory) {
    auto document = json::parse(body, std::move(memory));
    if (!document) throw Corrupt("Neo4j's answer is not JSON");
    return std::move(*document);
}

}  // namespace

Answer::Answer(std::string_view body)
    : memory_(std::make_unique<boost::json::monotonic_resource>()), document_(parsed(body, memory_.get())) {
    const auto& errors = items(document_, "errors");
    if (!errors.empty()) failure_ = {text(errors[0], "code"), text(errors[0], "message")};
}

const boost::json::array& Answer::rows_of(std::size_t step) const {
    const auto& results = items(document_, "results");
    if (step >= results.size()) throw Corrupt(kUnknownForm);
    return items(results[step], "data");
}

const boost::json::value& Answer::column_of(const boost::json::value& row) {
    const auto& columns = items(row, "row");
    if (columns.size() != 1) throw Corrupt(kUnknownForm);
    return columns[0];
}

void Answer::fail(const Fault& fault) { throw Corrupt("Neo4j's answer: " + fault.pointer + " " + fault.detail); }

}  // namespace guildhall::neo4j
