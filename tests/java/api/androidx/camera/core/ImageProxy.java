package androidx.camera.core;

import java.nio.ByteBuffer;

public interface ImageProxy extends AutoCloseable {
  int getWidth();
  int getHeight();
  PlaneProxy[] getPlanes();
  ImageInfo getImageInfo();
  @Override void close();

  interface PlaneProxy {
    int getRowStride();
    int getPixelStride();
    ByteBuffer getBuffer();
  }
}
