#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include "platform/json/read.hpp"

namespace guildhall::neo4j {

/// An error that the engine reports: its code ("Neo.ClientError.Statement.SyntaxError") and its message.
struct Failure {
    std::string code;
    std::string message;
};

/// The engine's answer to one request: the rows of each step.
class Answer {
public:
    /// Reads the body of an answer of the transactional endpoint. Throws Corrupt when it is not one.
    explicit Answer(std::string_view body);

    /// The first error. Its code is empty when there is none.
    const Failure& failure() const { return failure_; }

    /// The rows of a step, each with one column. T is a type that json::read() reads, such as a described struct for a
    /// map. Throws Corrupt when the rows are something else.
    template <class T>
    std::vector<T> rows(std::size_t step) const {
        std::vector<T> out;
        const boost::json::array& data = rows_of(step);
        out.reserve(data.size());
        json::Faults faults;
        for (const auto& row : data) json::read(column_of(row), out.emplace_back(), json::Place{}, faults);
        if (!faults.empty()) fail(faults.take().front());
        return out;
    }

private:
    const boost::json::array& rows_of(std::size_t step) const;
    static const boost::json::value& column_of(const boost::json::value& row);
    [[noreturn]] static void fail(const Fault& fault);

    std::unique_ptr<boost::json::monotonic_resource> memory_;
    boost::json::value document_;
    Failure failure_;
};

}  // namespace guildhall::neo4j
