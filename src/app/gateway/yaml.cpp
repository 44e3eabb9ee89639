#include "app/gateway/yaml.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace guildhall::app {
namespace {

bool is_block(const boost::json::value& value) {
    return (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
}

/// Writes `value` with `indent` spaces before each line but the first, which goes on behind what is there already.
void write(std::string& out, const boost::json::value& value, std::size_t indent) {
    if (!is_block(value)) {
        out += boost::json::serialize(value);
        out += '\n';
        return;
    }
    bool is_first = true;
    const auto begin_line = [&] {
        if (!is_first) out.append(indent, ' ');
        is_first = false;
    };
    if (const auto* list = value.if_array()) {
        for (const auto& item : *list) {
            begin_line();
            out += "- ";
            write(out, item, indent + 2);
        }
        return;
    }
    for (const auto& [name, member] : value.get_object()) {
        begin_line();
        out += name;
        out += ':';
        if (is_block(member)) {
            out += '\n';
            out.append(indent + 2, ' ');
        } else {
            out += ' ';
        }
        write(out, member, indent + 2);
    }
}

}  // namespace

std::string to_yaml(const boost::json::value& value) {
    std::string out;
    write(out, value, 0);
    return out;
}

}  // namespace guildhall::app
