# Installs into /opt/nas what requirements.txt asks for, PyTorch as TORCH and TORCH_INDEX say.
# Wheels in wheels/ come before those of the indexes; of torch, any there counts.
set -eu

index=${TORCH_INDEX:-}
case $TORCH in
  cpu) index=${index:-https://download.pytorch.org/whl/cpu} ;; # PyPI has none for x86
  cuda) rm -f wheels/torch-*+cpu-*.whl ;;
  *)
    echo "TORCH should be cpu or cuda, got $TORCH" >&2
    exit 1
    ;;
esac

torch() { find wheels -name 'torch-*.whl' | LC_ALL=C sort | head -n 1; } # +cpu before another

pinned=$(grep '^torch==' wheels/constraints.txt)
if [ -n "$index" ] && [ -z "$(torch)" ]; then
  python3 -m pip download --quiet --no-cache-dir --no-deps --dest wheels \
    --index-url "$index" "$pinned" || {
    echo "there is no $pinned at $index: put a wheel of torch into wheels/, name another" \
      "index by TORCH_INDEX=..., or take PyPI's, with CUDA, by TORCH=cuda" >&2
    exit 1
  }
fi
if [ -n "$(torch)" ]; then sed -i '/^torch==/d' wheels/constraints.txt; fi
# shellcheck disable=SC2046 # none, or one without blanks
python3 -m pip --python /opt/nas/bin/python3 install --no-cache-dir --find-links wheels \
  --constraint wheels/constraints.txt --requirement requirements.txt $(torch)
