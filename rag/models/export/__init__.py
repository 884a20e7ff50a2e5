"""Make an ONNX model of a PyTorch one, in processes of their own: the only code that imports torch.

`rag.models.once` starts them; serving never imports anything from here.
"""
