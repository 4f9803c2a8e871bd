//===- RowView.cpp - The rows of a weight before its numbers change -------===//
#include "compiler/Artifact/RowView.h"

#include <cassert>

namespace mm1 {

namespace {

/// The product of the dimensions `begin .. end-1`.
int64_t product(std::span<const int64_t> dims, size_t begin, size_t end) {
  int64_t count = 1;
  for (size_t i = begin; i < end; ++i)
    count *= dims[i];
  return count;
}

/// A row number, seen from dimension `axis` (not the last one): which index it
/// has there, and how many rows lie before it outside and inside.
struct AxisPlace {
  int64_t outer, index, inner, innerRows;

  AxisPlace(std::span<const int64_t> dims, int64_t axis, int64_t row)
      : innerRows(product(dims, axis + 1, dims.size() - 1)) {
    inner = row % innerRows;
    index = row / innerRows % dims[axis];
    outer = row / innerRows / dims[axis];
  }
  /// The row with another index in a tensor of another size there.
  int64_t rowAt(int64_t otherIndex, int64_t otherSize) const {
    return (outer * otherSize + otherIndex) * innerRows + inner;
  }
};

class MemoryView : public RowView {
public:
  MemoryView(Stretch bytes, std::vector<int64_t> shape, ElementType type)
      : RowView(std::move(shape), type), bytes(bytes),
        rowBytes(columns() * sizeBytes(type)) {
    assert(bytes.size() == numRows() * rowBytes);
  }
  void appendRow(int64_t row, std::vector<Stretch> &out) const override {
    out.push_back(bytes.subspan(row * rowBytes, rowBytes));
  }

private:
  Stretch bytes;
  size_t rowBytes;
};

class StackView : public RowView {
public:
  StackView(std::vector<RowViewPtr> list, std::vector<int64_t> shape)
      : RowView(std::move(shape), list.front()->type()),
        parts(std::move(list)) {}
  void appendRow(int64_t row, std::vector<Stretch> &out) const override {
    int64_t rows = parts.front()->numRows();
    parts[row / rows]->appendRow(row % rows, out);
  }

private:
  std::vector<RowViewPtr> parts;
};

class ConcatView : public RowView {
public:
  ConcatView(std::vector<RowViewPtr> list, std::vector<int64_t> shape,
             int64_t axis)
      : RowView(std::move(shape), list.front()->type()), parts(std::move(list)),
        axis(axis) {}
  void appendRow(int64_t row, std::vector<Stretch> &out) const override {
    if (axis + 1 == static_cast<int64_t>(dims.size())) {
      for (const RowViewPtr &part : parts)
        part->appendRow(row, out);
      return;
    }
    AxisPlace place(dims, axis, row);
    int64_t index = place.index;
    for (const RowViewPtr &part : parts) {
      int64_t size = part->shape()[axis];
      if (index < size)
        return part->appendRow(place.rowAt(index, size), out);
      index -= size;
    }
  }

private:
  std::vector<RowViewPtr> parts;
  int64_t axis;
};

class SliceView : public RowView {
public:
  SliceView(RowViewPtr part, std::vector<int64_t> shape, int64_t axis,
            int64_t offset)
      : RowView(std::move(shape), part->type()), whole(std::move(part)),
        axis(axis), offset(offset) {}
  void appendRow(int64_t row, std::vector<Stretch> &out) const override {
    if (axis + 1 != static_cast<int64_t>(dims.size())) {
      AxisPlace place(dims, axis, row);
      return whole->appendRow(
          place.rowAt(place.index + offset, whole->shape()[axis]), out);
    }
    size_t first = out.size();
    whole->appendRow(row, out);
    size_t skip = offset * sizeBytes(element),
           keep = columns() * sizeBytes(element), kept = first;
    for (size_t i = first; i < out.size(); ++i) {
      Stretch stretch = out[i];
      size_t dropped = std::min(skip, stretch.size());
      stretch = stretch.subspan(dropped);
      skip -= dropped;
      stretch = stretch.first(std::min(keep, stretch.size()));
      keep -= stretch.size();
      if (!stretch.empty())
        out[kept++] = stretch;
    }
    out.resize(kept);
  }

private:
  RowViewPtr whole;
  int64_t axis, offset;
};

} // namespace

int64_t RowView::numRows() const {
  return dims.empty() ? 1 : product(dims, 0, dims.size() - 1);
}

RowViewPtr viewOf(Stretch bytes, std::vector<int64_t> shape, ElementType type) {
  return std::make_unique<MemoryView>(bytes, std::move(shape), type);
}

RowViewPtr stackViews(std::vector<RowViewPtr> parts) {
  std::vector<int64_t> shape{static_cast<int64_t>(parts.size())};
  shape.insert(shape.end(), parts.front()->shape().begin(),
               parts.front()->shape().end());
  return std::make_unique<StackView>(std::move(parts), std::move(shape));
}

RowViewPtr concatViews(std::vector<RowViewPtr> parts, int64_t axis) {
  std::vector<int64_t> shape(parts.front()->shape().begin(),
                             parts.front()->shape().end());
  shape[axis] = 0;
  for (const RowViewPtr &part : parts)
    shape[axis] += part->shape()[axis];
  return std::make_unique<ConcatView>(std::move(parts), std::move(shape), axis);
}

RowViewPtr sliceView(RowViewPtr whole, int64_t axis, int64_t offset,
                     int64_t size) {
  std::vector<int64_t> shape(whole->shape().begin(), whole->shape().end());
  shape[axis] = size;
  return std::make_unique<SliceView>(std::move(whole), std::move(shape), axis,
                                     offset);
}

} // namespace mm1
